"""Checks by its first bytes that a file given as a video is a film, not something that makes FFmpeg read other files.

FFmpeg ignores file names and looks at the content. A list of files (ffconcat, HLS, DASH) makes it decode the files that
the list names, a session description (SDP) makes it listen to the network, and any text becomes a film of letters.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from frameworth.errors import UserError

# The first bytes of video containers and raw streams, by the names of FFmpeg's demuxers.
_FILMS = {
    "mov": rb".{4}(ftyp|moov|mdat|free|skip|wide|pnot|uuid|jP  )",
    "avi": rb"RIFF.{4}AVI ",
    "matroska": rb"\x1a\x45\xdf\xa3",
    "mpegts": rb"(.{4})?\x47.{187}(.{4})?\x47",
    "mpeg": rb"\x00\x00\x01\xba",
    "mpegvideo": rb"\x00\x00\x01\xb3",
    "m4v": rb"\x00\x00\x01[\x00\xb0\xb5]",
    "h264": rb"\x00?\x00\x00\x01[\x09\x27\x47\x67]",
    "hevc": rb"\x00?\x00\x00\x01[\x40\x42\x46]\x01",
    "asf": rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11",
    "flv": rb"FLV\x01",
    "ogg": rb"OggS",
    "gif": rb"GIF8[79]a",
    "mxf": rb"\x06\x0e\x2b\x34",
    "nut": rb"nut/multimedia container",
    "ivf": rb"DKIF",
    "dv": rb"\x1f\x07\x00",
    "mjpeg": rb"\xff\xd8\xff",
    "yuv4mpegpipe": rb"YUV4MPEG2 ",
    "obu": rb"\x12\x00\x0a",
}
_FILM = re.compile(b"|".join(b"(?:%s)" % start for start in _FILMS.values()), re.DOTALL)
_LIST = re.compile(
    rb"\s*(?:\xef\xbb\xbf)?\s*(?:ffconcat|#EXTM3U|v=0|# VobSub|<\?xml|<MPD|<asx|\[playlist)", re.IGNORECASE
)
_START = 4096  # bytes that are read

# OpenCV passes this to FFmpeg whenever it opens a file: FFmpeg then refuses other files that passed the check here.
os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = f"format_whitelist;{','.join(_FILMS)}|protocol_whitelist;file"


def refuse_no_film(path: Path | str) -> None:
    """Raise UserError, naming the file, if its first bytes are not those of a film; nothing is decoded."""
    try:
        with Path(path).open("rb") as file:
            start = file.read(_START)
    except OSError as problem:
        raise UserError(
            f"{path}: cannot be read ({problem.strerror}); correct its permissions, or leave it out"
        ) from None
    if _FILM.match(start):
        return
    if _LIST.match(start):
        raise UserError(
            f"{path}: is a playlist or another list of files, not a video; give the videos themselves, or join them to "
            "one (H.264)"
        )
    raise UserError(
        f"{path}: cannot be opened as a video (its first bytes are those of none); copy it again, convert it to H.264, "
        "or leave it out"
    )
