"""A home directory for Chromium in which one CA is trusted, and no other of the user's own.

Rule: writes below the directory that it is given, and nowhere else; with libnss3, the library that Chromium uses.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import subprocess
import sys
from pathlib import Path

# In a process of its own: NSS keeps one state a process, and ctypes calls without a net.
_SCRIPT = """
import ctypes, sys
folder, der = sys.argv[1], open(sys.argv[2], "rb").read()
nss = ctypes.CDLL(sys.argv[3])
pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int

class Trust(ctypes.Structure):  # CERTCertTrust: what for servers, for mail, for code
    _fields_ = [("ssl", ctypes.c_uint), ("email", ctypes.c_uint), ("code", ctypes.c_uint)]

class Item(ctypes.Structure):  # SECItem
    _fields_ = [("kind", ctypes.c_uint), ("data", text), ("size", ctypes.c_uint)]

def call(name, result, *kinds):
    function = getattr(nss, name)
    function.restype, function.argtypes = result, kinds
    return function

def check(status, what):
    if status:
        sys.exit(what + " failed: " + str(call("PORT_GetError", number)()))

check(call("NSS_InitReadWrite", number, text)(b"sql:" + folder.encode()), "NSS_InitReadWrite")
slot = call("PK11_GetInternalKeySlot", pointer)()
check(call("PK11_InitPin", number, pointer, text, text)(slot, None, b""), "PK11_InitPin")
store = call("CERT_GetDefaultCertDB", pointer)()
read = call("CERT_NewTempCertificate", pointer, pointer, ctypes.POINTER(Item), text, number, number)
decoded = read(store, ctypes.byref(Item(0, der, len(der))), None, 0, 1)
if not decoded:
    sys.exit("the certificate cannot be read")
imported = call("PK11_ImportCert", number, pointer, pointer, ctypes.c_ulong, text, number)
check(imported(slot, decoded, 0, b"labkit", 0), "PK11_ImportCert")
trust = Trust(0x08 | 0x10 | 0x80, 0, 0)  # valid CA, trusted for servers, trusted for clients
change = call("CERT_ChangeCertTrust", number, pointer, pointer, ctypes.POINTER(Trust))
check(change(store, decoded, ctypes.byref(trust)), "CERT_ChangeCertTrust")
call("CERT_DestroyCertificate", None, pointer)(decoded)
call("PK11_FreeSlot", None, pointer)(slot)
call("NSS_Shutdown", number)()
"""


def library() -> str | None:
    """The name of libnss3 on this machine; None if it is not there."""
    return ctypes.util.find_library("nss3")


def trust(home: Path, der: bytes) -> str:
    """Make ``.pki/nssdb`` below a home directory, with one trusted CA. Returns ``""``, or why that did not work."""
    where = library()
    if where is None:
        return "the library libnss3 is not there"
    folder = home / ".pki/nssdb"
    folder.mkdir(parents=True, mode=0o700)
    certificate = home / "trusted.der"
    certificate.write_bytes(der)
    done = subprocess.run(
        [sys.executable, "-I", "-c", _SCRIPT, str(folder), str(certificate), where],
        capture_output=True, text=True, check=False, timeout=30, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return "" if done.returncode == 0 else (done.stderr.strip() or f"NSS ended with {done.returncode}")
