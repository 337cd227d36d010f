/* SPDX-License-Identifier: Apache-2.0 */

/* Sockets whose other end a tenant has, who may send more than bytes. */
#ifndef PSG_PLAIN_SOCKET_H
#define PSG_PLAIN_SOCKET_H

/* From now on fd, or what a listening fd accepts, takes bytes and nothing else:
 *   - Descriptors are refused at the sender's, if the kernel can (Linux 6.16).
 *     Whoever received one would close it, which takes as long as the sender
 *     likes (SO_LINGER); see agent/stall_alarm.h for older kernels.
 *   - Out-of-band bytes are like others. Else MSG_PEEK would not see what poll()
 *     reports, for ever.
 * To be called before the other end is given away. */
void psg_plain_socket_make(int fd);

#endif
