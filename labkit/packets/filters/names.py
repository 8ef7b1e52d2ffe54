"""The names that a display filter may use, and the type of each: Wireshark's, and ours for what it does not name.

Rule: a name has one type; `tests/packets/test_filters_names.py` compares them with tshark and the tables.
"""

from __future__ import annotations

_NAMES = {
    "number": """
        ah.length ah.next_header ah.sequence ah.spi arp.hw.size arp.hw.type arp.opcode arp.proto.size
        arp.proto.type ber.bitstring.padding dns.count.add_rr dns.count.answers dns.count.auth_rr
        dns.count.queries dns.flags data.len dns.flags.opcode dns.flags.rcode dns.id dns.length
        dns.mx.preference dns.name.label.length dns.name.pointer dns.name.pointer.mark dns.name.pointer.offset
        dns.name.root dns.opt.code dns.opt.len dns.qry.class dns.qry.type dns.resp.class dns.resp.edns0_version
        dns.resp.ext_rcode dns.resp.len dns.resp.ttl dns.resp.type dns.resp.z dns.resp.z.reserved
        dns.rr.udp_payload_size dns.soa.minimum_ttl dns.txt.length esp.sequence esp.spi eth.fcs
        eth.invalid_lentype eth.len eth.type frame.cap_len frame.len frame.number gre.ack_number gre.checksum
        gre.flags.recursion_control gre.flags.reserved gre.flags.version gre.flags_and_version gre.key
        gre.key.call_id gre.key.payload_length gre.offset gre.proto gre.sequence_number http.chunk.size
        http.chunk_size http.content_length http.request_in http.response.code http.response_in
        icmp.addr_entry_size icmp.checksum icmp.code icmp.ext.checksum icmp.ext.class icmp.ext.ctype
        icmp.ext.echo.seq icmp.ext.length icmp.ext.res icmp.ext.version icmp.ident icmp.int_ident.index
        icmp.length icmp.lifetime icmp.mpls.exp icmp.mpls.label icmp.mpls.ttl icmp.mtu icmp.num_addrs
        icmp.originate_timestamp icmp.pointer icmp.pref_level icmp.receive_timestamp icmp.seq
        icmp.transmit_timestamp icmp.type icmpv6.checksum icmpv6.code icmpv6.echo.identifier
        icmpv6.echo.sequence_number icmpv6.ext.echo.seq icmpv6.length icmpv6.mld.maximum_response_delay
        icmpv6.mldr.mar.aux_data_len icmpv6.mldr.mar.nb_sources icmpv6.mldr.mar.record_type
        icmpv6.mldr.nb_mcast_records icmpv6.mtu icmpv6.nd.na.flag icmpv6.nd.ra.cur_hop_limit icmpv6.nd.ra.flag
        icmpv6.opt.length icmpv6.opt.mtu icmpv6.opt.prefix.flag icmpv6.opt.prefix.flag.reserved
        icmpv6.opt.prefix.length icmpv6.opt.prefix.preferred_lifetime icmpv6.opt.prefix.valid_lifetime
        icmpv6.opt.type icmpv6.pointer icmpv6.type ieee8021ad.dei ieee8021ad.id ieee8021ad.priority
        ieee8021ah.etype igmp.checksum igmp.max_resp igmp.num_grp_recs igmp.type ip.checksum ip.dsfield
        ip.dsfield.dscp ip.dsfield.ecn ip.flags ip.frag_offset ip.hdr_len ip.id ip.len ip.opt.len ip.opt.ptr
        ip.opt.ra ip.opt.type ip.opt.type.class ip.opt.type.number ip.proto ip.ttl ip.version ipv6.flow
        ipv6.fraghdr.ident ipv6.fraghdr.nxt ipv6.fraghdr.offset ipv6.fraghdr.reserved_bits
        ipv6.fraghdr.reserved_octet ipv6.hlim ipv6.hopopts.len ipv6.hopopts.nxt ipv6.nxt ipv6.opt.length
        ipv6.opt.type ipv6.opt.type.action ipv6.opt.type.rest ipv6.plen ipv6.routing.len ipv6.routing.nxt
        ipv6.routing.segleft ipv6.routing.srh.flags ipv6.routing.srh.last_entry ipv6.routing.type ipv6.tclass
        ipv6.tclass.dscp ipv6.tclass.ecn ipv6.version llc.control llc.control.ftype llc.control.n_r
        llc.control.n_s llc.control.s_ftype llc.control.u_modifier_cmd llc.dsap llc.dsap.sap llc.oui llc.pid
        llc.ssap llc.ssap.sap llc.type mpls.bottom mpls.exp mpls.label mpls.ttl null.family pkcs1.ECParameters
        pkix1explicit.Features pkix1explicit.Features_item pkix1implicit.AuthorityInfoAccessSyntax
        pkix1implicit.accessLocation ppp.protocol pppoe.code pppoe.payload_length pppoe.session_id pppoe.type
        pppoe.version sctp.checksum sctp.dstport sctp.srcport sctp.verification_tag sll.etype sll.halen
        sll.hatype sll.ifindex sll.pkttype sll.reserved tcp.ack tcp.ack_raw tcp.analysis.duplicate_ack_num
        tcp.checksum tcp.dstport tcp.flags tcp.hdr_len tcp.len tcp.nxtseq tcp.option_kind tcp.option_len
        tcp.options.echo_value tcp.options.experimental.exid tcp.options.mss_val tcp.options.sack_le
        tcp.options.sack_re tcp.options.timestamp.tsecr tcp.options.timestamp.tsval tcp.options.user_to_val
        tcp.options.wscale.shift tcp.port tcp.seq tcp.seq_raw tcp.srcport tcp.stream tcp.urgent_pointer
        tcp.window_size tcp.window_size_scalefactor tcp.window_size_value tls.alert_message.desc
        tls.alert_message.level tls.compress_certificate.algorithm tls.compress_certificate.algorithms_length
        tls.compress_certificate.compressed_certificate_message.length
        tls.compress_certificate.uncompressed_length tls.early_data.max_early_data_size
        tls.extension.psk_ke_mode tls.extension.psk_ke_modes_length tls.handshake.cert_type
        tls.handshake.cert_types_count tls.handshake.certificate_length tls.handshake.certificates_length
        tls.handshake.cipher_suites_length tls.handshake.ciphersuite tls.handshake.client_cert_vrfy.sig_len
        tls.handshake.client_point_len tls.handshake.comp_method tls.handshake.comp_methods_length
        tls.handshake.dnames_len tls.handshake.extension.len tls.handshake.extension.type
        tls.handshake.extensions.psk.binder_len tls.handshake.extensions.psk.binders_len
        tls.handshake.extensions.psk.identities.length tls.handshake.extensions.psk.identity.identity_length
        tls.handshake.extensions.psk.identity.obfuscated_ticket_age
        tls.handshake.extensions.psk.identity.selected tls.handshake.extensions.supported_version
        tls.handshake.extensions.supported_versions_len tls.handshake.extensions_alpn_len
        tls.handshake.extensions_alpn_str_len tls.handshake.extensions_ec_point_format
        tls.handshake.extensions_ec_point_formats_length tls.handshake.extensions_key_share_client_length
        tls.handshake.extensions_key_share_group tls.handshake.extensions_key_share_key_exchange_length
        tls.handshake.extensions_key_share_selected_group tls.handshake.extensions_length
        tls.handshake.extensions_reneg_info_len tls.handshake.extensions_server_name_len
        tls.handshake.extensions_server_name_list_len tls.handshake.extensions_server_name_type
        tls.handshake.extensions_supported_group tls.handshake.extensions_supported_groups_length
        tls.handshake.length tls.handshake.server_curve_type tls.handshake.server_named_curve
        tls.handshake.server_point_len tls.handshake.session_id_length tls.handshake.session_ticket_length
        tls.handshake.session_ticket_lifetime_hint tls.handshake.sig_hash_alg tls.handshake.sig_hash_alg_len
        tls.handshake.sig_hash_hash tls.handshake.sig_hash_sig tls.handshake.sig_len tls.handshake.type
        tls.handshake.version tls.record.content_type tls.record.length tls.record.opaque_type
        tls.record.version tls.record_size_limit udp.checksum udp.dstport udp.length udp.port udp.srcport
        vlan.etype vlan.id vlan.len vlan.priority websocket.opcode websocket.payload.close.status_code
        websocket.payload_length websocket.payload_length_ext_16 websocket.rsv websocket.rsv1 websocket.rsv2
        websocket.rsv3 x509af.extensions x509af.issuer x509af.notAfter x509af.notBefore x509af.rdnSequence
        x509af.subject x509af.version x509ce.CRLDistPointsSyntax x509ce.CertificatePoliciesSyntax
        x509ce.GeneralName x509ce.GeneralNames x509ce.KeyPurposeIDs x509ce.authorityCertIssuer x509ce.base
        x509ce.directoryName x509ce.distributionPoint x509ce.excludedSubtrees x509ce.fullName
        x509ce.pathLenConstraint x509ce.permittedSubtrees x509if.RDNSequence_item x509if.rdnSequence
        x509sat.DirectoryString
    """,
    "boolean": """
        dns.flags.authenticated dns.flags.authoritative dns.flags.checkdisable dns.flags.recavail
        dns.flags.recdesired dns.flags.response dns.flags.truncated dns.flags.z dns.resp.z.do gre.flags.checksum
        gre.flags.key gre.flags.routing gre.flags.sequence_number gre.flags.strict_source_route http.request
        http.response icmp.mpls.s icmpv6.opt.prefix.flag.a icmpv6.opt.prefix.flag.l icmpv6.opt.prefix.flag.r
        ip.flags.df ip.flags.mf ip.flags.rb ip.opt.type.copy ipv6.fraghdr.more ipv6.opt.type.change llc.dsap.ig
        llc.ssap.cr tcp.flags.ack tcp.flags.ae tcp.flags.cwr tcp.flags.ece tcp.flags.fin tcp.flags.push
        tcp.flags.res tcp.flags.reset tcp.flags.syn tcp.flags.urg tcp.options.user_to_granularity vlan.dei
        websocket.fin websocket.mask x509af.critical x509ce.KeyUsage.cRLSign x509ce.KeyUsage.contentCommitment
        x509ce.KeyUsage.dataEncipherment x509ce.KeyUsage.digitalSignature x509ce.KeyUsage.encipherOnly
        x509ce.KeyUsage.keyAgreement x509ce.KeyUsage.keyCertSign x509ce.KeyUsage.keyEncipherment x509ce.cA
    """,
    "text": """
        dns.cname dns.mx.mail_exchange dns.name.label dns.name.label.text dns.ns dns.ptr.domain_name
        dns.qry.name dns.question dns.record dns.resp.name dns.soa.mname dns.soa.rname dns.txt http.accept
        http.accept_encoding http.accept_language http.authorization http.cache_control
        http.chunked_trailer_part http.connection http.content_length_header http.content_type http.cookie
        http.crlf http.date http.field.colon http.field.name http.field.ows http.field.value http.file_data
        http.host http.http2_settings http.referer http.request.line http.request.method http.request.uri
        http.request.uri.mark http.request.uri.path http.request.uri.query http.request.uri.query.parameter
        http.request.version http.response.line http.response.phrase http.response.version
        http.sec_websocket_accept http.sec_websocket_extensions http.sec_websocket_key
        http.sec_websocket_version http.server http.set_cookie http.sp http.start_line http.transfer_encoding
        http.upgrade http.user_agent http2.magic tcp.flags.str pkcs1.namedCurve pkix1implicit.accessMethod
        tls.handshake.extensions_alpn_str tls.handshake.extensions_server_name websocket.payload.close.reason
        websocket.payload.text x509af.algorithm.id x509af.extension.id x509af.generalizedTime x509af.utcTime
        x509ce.KeyPurposeId x509ce.dNSName x509ce.policyIdentifier x509if.oid x509sat.CountryName
        x509sat.IA5String x509sat.PrintableString x509sat.bmpString x509sat.printableString
        x509sat.teletexString x509sat.uTF8String x509sat.universalString
    """,
    "bytes": """
        ah.icv ah.reserved data.data dns.data dns.opt.data eth.padding eth.trailer http.chunk
        http.chunk_boundary http.chunk_data icmp.ext.data icmp.reserved icmp.unused icmpv6.data
        icmpv6.mldr.mar.auxiliary_data icmpv6.opt.linkaddr icmpv6.reserved igmp.reserved ip.opt.padding
        ip.options ip.options.eol ip.options.record_route ip.options.routeralert ipv6.opt.padn ipv6.opt.unknown
        ipv6.options ipv6.routing.mipv6.reserved ipv6.routing.src.reserved ipv6.routing.srh.tag
        ipv6.routing.unknown_data malformed sll.src sll.unused tcp.options tcp.options.eol
        tcp.options.experimental tcp.options.experimental.data tcp.options.malformed tcp.options.md5.digest
        tcp.options.mss tcp.options.nop tcp.options.sack tcp.options.sack_perm tcp.options.tfo.cookie
        tcp.options.timestamp tcp.options.unknown tcp.options.unknown.payload tcp.options.wscale tcp.payload
        tls.app_data tls.compress_certificate.compressed_certificate_message tls.handshake.certificate
        tls.handshake.client_cert_vrfy.sig tls.handshake.client_params tls.handshake.client_point
        tls.handshake.ecdhe_server_params tls.handshake.extension tls.handshake.extensions.psk.binder
        tls.handshake.extensions.psk.chosen tls.handshake.extensions.psk.identity
        tls.handshake.extensions.psk.identity.identity tls.handshake.extensions.psk.offer
        tls.handshake.extensions_key_share_entry tls.handshake.extensions_key_share_key_exchange
        tls.handshake.extensions_key_shares tls.handshake.extensions_padding_data
        tls.handshake.extensions_reneg_info_of tls.handshake.extensions_server_names tls.handshake.random
        tls.handshake.server_point tls.handshake.session_id tls.handshake.session_ticket
        tls.handshake.session_ticket_of tls.handshake.sig tls.record.ciphertext tls.record.explicit_nonce
        tls.record.tag udp.payload websocket.masking_key websocket.payload.pong x509.algorithm x509.authorityKey
        x509.ca x509.certificate x509.constraints x509.critical x509.extensionId x509.extensionValue
        x509.extensions x509.extensionsTag x509.generalName x509.generalNames x509.header x509.keyId
        x509.keyIdentifier x509.keyUsage x509.publicKey x509.purpose x509.purposes x509.rdn x509.serialNumber
        x509.signature x509.type x509.version x509.versionTag x509af.encrypted x509af.serialNumber
        x509af.subjectPublicKey x509ce.KeyUsage x509ce.SubjectKeyIdentifier x509ce.authorityCertSerialNumber
        x509ce.keyIdentifier
    """,
    "ipv4": """
        arp.dst.proto_ipv4 arp.src.proto_ipv4 dns.a icmp.address_mask icmp.redir_gw icmp.router_address
        igmp.maddr ip.addr ip.dst ip.empty_rt ip.rec_rt ip.src ip.src_rt x509ce.IPAddress.ipv4
    """,
    "ipv6": """
        dns.aaaa icmpv6.mld.multicast_address icmpv6.mldr.mar.multicast_address icmpv6.mldr.mar.source_address
        icmpv6.nd.na.target_address icmpv6.nd.ns.target_address icmpv6.nd.rd.target_address icmpv6.opt.prefix
        icmpv6.rd.na.destination_address ipv6.addr ipv6.dst ipv6.routing.mipv6.home_address
        ipv6.routing.src.addr ipv6.routing.srh.addr ipv6.src x509ce.IPAddress.ipv6
    """,
    "mac": """
        arp.dst.hw_mac arp.src.hw_mac eth.addr eth.dst eth.src sll.src.eth
    """,
    "time": """
        frame.time_delta frame.time_epoch frame.time_relative
    """,
    "date": """
        frame.time
    """,
    "none": """
        dns.opt icmpv6.mldr.mar icmpv6.opt icmpv6.opt.reserved ipv6.opt pkix1implicit.AccessDescription_element
        tcp.analysis.duplicate_ack tcp.analysis.fast_retransmission tcp.analysis.flags tcp.analysis.keep_alive
        tcp.analysis.keep_alive_ack tcp.analysis.lost_segment tcp.analysis.out_of_order
        tcp.analysis.retransmission tcp.analysis.spurious_retransmission tcp.analysis.window_update
        tcp.analysis.zero_window tcp.analysis.zero_window_probe tcp.analysis.zero_window_probe_ack
        tls.alert_message tls.change_cipher_spec tls.handshake tls.handshake.cert_types
        tls.handshake.certificates tls.handshake.ciphersuites tls.handshake.comp_methods tls.handshake.dname
        tls.handshake.extensions.psk.binders tls.handshake.extensions_alpn_list
        tls.handshake.extensions_ec_point_formats tls.handshake.extensions_supported_groups
        tls.handshake.sig_hash_algs tls.heartbeat_message websocket.masked_payload websocket.payload
        websocket.payload.close x509af.Extension_element x509af.algorithmIdentifier_element
        x509af.algorithm_element x509af.signature_element x509af.signedCertificate_element
        x509af.subjectPublicKeyInfo_element x509af.validity_element x509ce.AuthorityKeyIdentifier_element
        x509ce.BasicConstraintsSyntax_element x509ce.DistributionPoint_element x509ce.GeneralSubtree_element
        x509ce.NameConstraintsSyntax_element x509ce.PolicyInformation_element
        x509if.RelativeDistinguishedName_item_element
    """,
}

TYPES: dict[str, str] = {name: kind for kind, names in _NAMES.items() for name in names.split()}
"""The type of each field: number, boolean, text, bytes, ipv4, ipv6, mac, time (seconds), date (a time of day).

none: it has no value.
"""

PROTOCOLS: dict[str, tuple[str, ...]] = {
    "ah": ("AH",), "arp": ("ARP",), "data": (), "dns": ("DNS",), "esp": ("ESP",), "eth": ("Ethernet",), "frame": (),
    "gre": ("GRE",), "http": ("HTTP",), "icmp": ("ICMP",), "icmpv6": ("ICMPv6",), "igmp": ("IGMP",), "ip": ("IPv4",),
    "ipv6": ("IPv6",), "llc": ("LLC",), "mpls": ("MPLS",), "ppp": ("PPP",), "pppoes": ("PPPoE",), "sctp": ("SCTP",),
    "sll": ("Linux cooked", "Linux cooked v2"), "tcp": ("TCP",), "tls": ("TLS",), "udp": ("UDP",), "vlan": ("VLAN",),
    "websocket": ("WebSocket",),
}  # fmt: skip
"""The names of protocols, and the layers of each."""

EITHER = {
    "ip.addr": ("ip.src", "ip.dst"), "ipv6.addr": ("ipv6.src", "ipv6.dst"), "eth.addr": ("eth.src", "eth.dst"),
    "tcp.port": ("tcp.srcport", "tcp.dstport"), "udp.port": ("udp.srcport", "udp.dstport"),
}  # fmt: skip
"""Names that stand for both ends."""

NOTES = {
    "tcp.analysis.retransmission": ("retransmission", "fast retransmit", "spurious retransmission"),
    "tcp.analysis.fast_retransmission": ("fast retransmit",),
    "tcp.analysis.spurious_retransmission": ("spurious retransmission",),
    "tcp.analysis.out_of_order": ("out of order",),
    "tcp.analysis.lost_segment": ("earlier segment not captured",),
    "tcp.analysis.zero_window": ("zero window",),
    "tcp.analysis.zero_window_probe": ("window probe",),
    "tcp.analysis.zero_window_probe_ack": ("probe ACK",),
    "tcp.analysis.window_update": ("window update",),
    "tcp.analysis.keep_alive": ("keep-alive",),
    "tcp.analysis.keep_alive_ack": ("keep-alive ACK",),
    "tcp.analysis.duplicate_ack": ("duplicate ACK",),
}
"""What `Packet.note` says, under Wireshark's names."""
