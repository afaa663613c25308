"""Which channel of a MIDI file each of its tracks is on; symusic does not say.

It makes a track of each program on each channel of each of the file's own
tracks: in their order, then by channel, then by program. So a note of program 0
on every channel, put behind all else, begins each channel's row of tracks.
"""

import re
from collections.abc import Iterator

import symusic

DRUMS = 9  # General MIDI's tenth, counted from 0
_NUM_CHANNELS = 16
_MARK = 0, 0, 1  # pitch, duration, velocity
_MARKS = b''.join(
  bytes([0xC0 + c, 0, 0, 0x90 + c, 0, 1, 0, 0, 0, 0])
  for c in range(_NUM_CHANNELS)
)
_END = b'\xff\x2f\0'
_ENDS = re.compile(rb'(\xff\x2f\0\0)*\xff\x2f\0\Z')  # some have several


def read(data: bytes) -> tuple[symusic.Score, list[int | None]]:
  """A file's score, and the channel of each of its tracks, from 0.

  Channels are None where one of the file's own tracks does not end as it ought
  to.

  Raises:
    RuntimeError: symusic cannot read it.
  """
  score = symusic.Score.from_midi(b''.join(_marked(data)))
  channels, num_marks = [], 0
  for track in score.tracks:
    num_marks += track.program == 0
    channels.append((num_marks - 1) % _NUM_CHANNELS)
    if track.program == 0 and not _unmark(track.notes):
      break
    if track.is_drum != (channels[-1] == DRUMS):
      break
  else:
    if num_marks % _NUM_CHANNELS == 0:
      return score, channels
  score = symusic.Score.from_midi(data)
  return score, [None] * len(score.tracks)


def _marked(data: bytes) -> Iterator[bytes]:
  """The file in pieces, a mark of each channel at the end of its tracks."""
  at = 0
  while at < len(data):
    begins = at + 8
    ends = begins + int.from_bytes(data[at + 4 : begins], 'big')
    end = _ENDS.search(data, begins, ends)
    if data.startswith(b'MTrk', at) and end:
      content = data[begins : end.start()] + _MARKS + _END
      yield b'MTrk' + len(content).to_bytes(4, 'big') + content
    else:
      yield data[at:ends]
    at = ends


def _unmark(notes) -> bool:
  """Takes the mark from behind a track's notes; whether it was there."""
  if not len(notes):
    return False
  last = notes.pop()
  return (last.pitch, last.duration, last.velocity) == _MARK
