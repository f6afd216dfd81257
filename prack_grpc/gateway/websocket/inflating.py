"""Compressed messages, a piece at a time (RFC 7692 section 7.2.2).

A few bytes may be a megabyte, and the library unpacks a frame at once. Here it gets what a frame
holds as fragments, each when its connection has time for it.
"""

import zlib
from collections.abc import Sequence

from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import (
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
)
from websockets.frames import CTRL_OPCODES, Frame, Opcode
from websockets.typing import ExtensionParameter

from prack_grpc.core.limits import KIB, PIECE

# How much is given to zlib at a time, beside PIECE: it may be many blocks that hold nothing.
TAKEN = 8 * KIB
FLUSH = b"\0\0\xff\xff"  # what a sender leaves out at the end of a message
RATIO = 100  # of text, deflate seldom makes a fiftieth
# What a connection says to its parser, as if it came from the client, to have the next piece: a
# fragment that holds nothing, with a mask.
GO_ON = bytes((Opcode.CONT, 0x80, 0, 0, 0, 0))


class Inflating(PerMessageDeflate):
    """The extension of one connection. While it is `behind`, nothing is parsed but GO_ON.

    What was done of late is worth so much of a piece (`work`); `surplus` are bytes beyond RATIO
    times those that were sent.
    """

    behind = False
    work = 0.0
    surplus = 0
    _packed = False  # the message that has begun last
    _rest, _at = b"", 0  # the last frame, which is still packed from here on
    _last = False  # it ends its message
    _ended = False  # a final block has come in its message

    def decode(self, frame: Frame, *, max_size: int | None = None) -> Frame:
        """See the library's class. Returns a fragment when there is more than a piece."""
        if frame.opcode in CTRL_OPCODES:
            return frame
        if not self.behind:
            self._begin(frame)
        if not self._packed:
            return frame
        data = self._unpack()
        if max_size is not None and len(data) > max_size:
            raise PayloadTooBig(None, max_size)
        fin = self._last and not self.behind
        return Frame(frame.opcode, data, fin, False, frame.rsv2, frame.rsv3)

    def _begin(self, frame: Frame) -> None:
        if frame.opcode is not Opcode.CONT:
            self._packed = frame.rsv1
            if self._packed and (self.remote_no_context_takeover or self._ended):
                self._decode_anew()
        elif self._packed and frame.rsv1:
            raise ProtocolError("RSV1 bit set in continuation frame")
        if self._packed:
            self._last, self._at = frame.fin, 0
            self._rest = bytes(frame.data) + (FLUSH if frame.fin else b"")
            self.surplus = max(0, self.surplus - RATIO * len(frame.data))

    def _unpack(self) -> bytes:
        decoder, packed = self.decoder, self._rest[self._at : self._at + TAKEN]
        try:
            data = decoder.decompress(packed, PIECE)
        except zlib.error as exc:
            raise ProtocolError("decompression failed") from exc
        left = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
        self._at += len(packed) - len(left)
        if decoder.eof:
            self._end()
        # What has been read whole may still have more to give.
        self.behind = self._at < len(self._rest) or len(data) == PIECE
        self.work += max(len(data) / PIECE, len(packed) / TAKEN)
        self.surplus += len(data)
        return data

    def _end(self) -> None:
        """That was a final block (section 7.2.3.4): what follows is a stream of its own.

        Who sends such has one in a message, as it has to flush. More could be empty, without end.
        """
        if self._ended:
            raise ProtocolError("more than one final block in a message")
        self._decode_anew()
        self._ended = True

    def _decode_anew(self) -> None:
        self.decoder = zlib.decompressobj(wbits=-self.remote_max_window_bits)
        self._ended = False


class Factory(ServerPerMessageDeflateFactory):
    """Agrees with clients on the extension, as uvicorn has it set."""

    def __init__(self) -> None:
        super().__init__(
            server_max_window_bits=12, client_max_window_bits=12, compress_settings={"memLevel": 5}
        )

    def process_request_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> tuple[list[ExtensionParameter], Inflating]:
        """See the library's class."""
        answer, agreed = super().process_request_params(params, accepted_extensions)
        return answer, Inflating(
            agreed.remote_no_context_takeover,
            agreed.local_no_context_takeover,
            agreed.remote_max_window_bits,
            agreed.local_max_window_bits,
            self.compress_settings,
        )
