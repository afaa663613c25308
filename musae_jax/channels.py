"""Which channel of a MIDI file each of its tracks is on; symusic does not say.

It makes a track of each program on each channel of each of the file's own
tracks: in their order, then by channel, then by program. So a note of program 0
on every channel, put behind all else, begins each channel's row of tracks.
"""

import symusic

DRUMS = 9  # General MIDI's tenth, counted from 0
_OF_LYRICS = 15  # where symusic has them
_MARK = 0, 0, 1  # pitch, duration, velocity
_END = b'\xff\x2f\0'


def read(data: bytes) -> tuple[symusic.Score, list[int | None]]:
  """A file's score, and the channel of each of its tracks, from 0.

  Channels are None where one of the file's own tracks does not end as it ought
  to.

  Raises:
    RuntimeError: symusic cannot read it.
  """
  found = _read_marked(data)
  if found:
    return found
  score = symusic.Score.from_midi(data)
  return score, [None] * len(score.tracks)


def _read_marked(data: bytes) -> tuple[symusic.Score, list[int]] | None:
  """What marks tell; None where they do not stand at the ends of all tracks."""
  found = _marked(data)
  if not found:
    return None
  marked, marks = found
  try:
    score = symusic.Score.from_midi(marked)
  except RuntimeError:  # of the unmarked file there is perhaps more to say
    return None
  first = [track for track in score.tracks if track.program == 0]
  if len(first) != len(marks) or not all(_unmark(t.notes) for t in first):
    return None
  channels, rest = [], iter(marks)
  for track in score.tracks:
    channels.append(next(rest) if track.program == 0 else channels[-1])
  return score, channels


def _marked(data: bytes) -> tuple[bytes, list[int]] | None:
  """The file with marks at the end of its tracks, and the channel of each."""
  at, pieces, marks = 0, [], []
  while at < len(data):
    begins = at + 8
    ends = begins + int.from_bytes(data[at + 4 : begins], 'big')
    content = data[begins:ends]
    if data.startswith(b'MTrk', at):
      if not content.endswith(_END):
        return None
      content = content.removesuffix(_END)
      while content.endswith(_END + b'\0'):  # some have several
        content = content.removesuffix(b'\0').removesuffix(_END)
      found = [channel for channel in range(16) if _may_have(content, channel)]
      content += b''.join(map(_mark, found)) + _END
      pieces.append(b'MTrk' + len(content).to_bytes(4, 'big') + content)
      marks += found
    else:
      pieces.append(data[at:ends])
    at = ends
  return b''.join(pieces), marks


def _may_have(content: bytes, channel: int) -> bool:
  """Whether there may be notes, of which the status is no byte of another."""
  lyrics = channel == _OF_LYRICS and b'\xff\5' in content
  return lyrics or bytes([0x90 + channel]) in content


def _mark(channel: int) -> bytes:
  note_on = 0x90 + channel
  return bytes([0xC0 + channel, 0, 0, note_on, 0, 1, 0, 0, 0, 0])


def _unmark(notes) -> bool:
  """Takes the mark from behind a track's notes; whether it was there."""
  if not len(notes):
    return False
  last = notes.pop()
  return (last.pitch, last.duration, last.velocity) == _MARK
