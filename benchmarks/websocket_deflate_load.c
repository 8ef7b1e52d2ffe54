/* Load for WebSocket servers that compress: websocket_load.c with permessage-deflate (RFC 7692), which needs zlib.
 *
 * Rule: nothing here that is not there.
 */
#define DEFLATE
#include "websocket_load.c"
