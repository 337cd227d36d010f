# SPDX-License-Identifier: Apache-2.0
"""Answers with bytes a test wrote, however wrong they are: a request of /NAME
gets the content of the file answers/NAME, then the connection is closed. Started
by PassengerAppStartCommand; the socket is passed as fd 3."""
import os
import socket

listener = socket.socket(fileno=3)

while True:
    connection, _ = listener.accept()
    head = b""
    while b"\r\n\r\n" not in head:
        part = connection.recv(65536)
        if not part:
            break
        head += part
    if head:
        name = head.split(b" ")[1].lstrip(b"/").decode()
        if name == "die":
            os.kill(os.getpid(), 9)
        with open(os.path.join("answers", name), "rb") as answer:
            try:
                connection.sendall(answer.read())
            except OSError:
                pass
    connection.close()
