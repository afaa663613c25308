"""Loud, then electric: punk, metal and the dance floor down to disco."""

from tfds_lakh.songbook.notation import part, style

STYLES = (
  style(
    'punk',
    tempo=(164, 196),
    mode='major',
    verse='I IV V IV / I I IV V / I V IV IV',
    chorus='IV V I I / I vi IV V',
    cadence='V I',
    variation=0.1,
    bass=part(34, low=33, high=45),
    guitar=part(30, 29, low=43, high=72, voicing='power'),
    strings=part(81, 54, 65, low=60, high=76, leap=0.1),
    tab="""
          call             answer           chorus           fill
  ch     |x.x.x.x.x.x.x.x.|        %       |................|................|
  cc     |................|................|x...x...x...x...|................|
  sd     |..x...x...x...x.|..x...x...x..?x.|..x...x...x...x.|xxxxxxxxx.x.x.x.|
  ft     |................|................|................|.........x.x.x..|
  bd     |x...x...x...x...|x...x..xx...x...|x...x...x...x...|x...x...x...x...|
  bass   |1.1.1.1.1.1.1.1.|1.1.1.1.1.1.5.a.|1.1.1.1.1.1.1.1.|1.1.1.1.5.5.a.a.|
  bass   |1-1-1-1-1-1-1-1-|1-1-1-1-5-5-1-1-|1-1-1-1-1-1-1-1-|1---1---1-1-a-a-|
  guitar |X.X.X.X.X.X.X.X.|X.X.X.X.X.X.XXX.|X-X-X-X-X-X-X-X-|X-X-X-X-X---....|
  guitar |XXX.XXX.XXX.XXX.|XXX.XXX.XXX.X.X.|X-X-X-X-X-X-X-X-|XXXXXXXXX---....|
  strings|o-o-o-o-o---....|o-o-o---o---....|o---o---o---o---|o---o---o-------|
  strings|o-----o-o-o-o---|o---o-o-o-------|o-o-o---o-o-o---|o-o-o-o-o-------|
    """,
  ),
  style(
    'metal',
    tempo=(138, 168),
    mode='phrygian',
    verse='i i bII i / i bVI bVII bII / i i i bII.bIII',
    chorus='i bVI bIII bVII / iv bVI bVII i',
    cadence='bII i',
    variation=0.2,
    bass=part(34, low=28, high=40),
    guitar=part(30, low=40, high=69, voicing='power'),
    strings=part(52, 48, 81, low=55, high=88, voicing='octaves', leap=0.4),
    tab="""
          call             answer           chorus           fill
  ch     |x...x...x...x...|        %       |................|................|
  cn     |................|................|x...x...x...x...|................|
  sd     |....x.......x...|        %       |....x.......x...|x.xxx.xx........|
  ht     |................|................|................|........xxxx....|
  ft     |................|................|................|............xxxx|
  bd     |x.xxx.xxx.xxx.xx|x.xxx.xxxxxxxxxx|xxxxxxxxxxxxxxxx|x...x...x...x...|
  bass   |1.111.111.111.11|1.111.111.11a.a.|1-1-1-1-1-1-1-1-|1---1---1111aaaa|
  bass   |1111..111111..11|1111..111-1-a-a-|1111111111111111|1-------1111aaaa|
  guitar |1.111.11X-..1.11|1.111.11X-X-X-X-|X-------X-------|X---X---1111XXXX|
  guitar |1111..11X-11..11|1111..11X-X-X---|X-----X-X---X---|X-------1111X---|
  strings|o---------------|o-------o-------|oooooooooooooooo|o---o---o-------|
  strings|X---------------|X-------X-------|o-ooo-ooo-ooo-oo|X---------------|
    """,
  ),
  style(
    'industrial',
    tempo=(104, 124),
    mode='phrygian',
    verse='i i i i / i i bII i / i i bVI bII',
    chorus='i bII i bVI / bVI bVI i i',
    cadence='bII i',
    variation=0.05,
    bass=part(38, 39, low=24, high=38),
    guitar=part(30, 29, low=36, high=60, voicing='octaves'),
    strings=part(90, 87, 55, low=48, high=66, voicing='power', leap=0.5),
    tab="""
          call             answer           chorus           fill
  ch     |xxxxxxxxxxxxxxxx|        %       |................|        %       |
  oh     |................|................|..x...x...x...x.|................|
  sd     |....x.......x...|....x..x....x..x|....x.......x...|x..x..x.x..x..x.|
  cb     |......x.......x.|......x....x....|...x..x....x..x.|........x.x.x.x.|
  bd     |x...x...x...x...|x...x...x...x.x.|x..x..x.x..x..x.|x...............|
  bass   |1111111111111111|1111111111118811|1.11.11.1.11.11.|1111111111111111|
  bass   |11.111.111.111.1|11.111.111.1a.a.|1111111111111111|11.111.1a.a.a.a.|
  guitar |X..X..X.........|X..X..X...X.X...|X.XXX.XXX.XXX.XX|X...X...X...X...|
  guitar |X-----..X-X-X-..|X-----..X-----..|XX.XX.XXXX.XX.XX|X-------........|
  strings|o..o..o.o..o..o.|o..o..o.o.......|X---------------|o.o.o.o.........|
  strings|X-------------..|X-----------X-..|o.oo.o.oo.oo.o.o|X---------------|
    """,
  ),
  style(
    'techno',
    tempo=(126, 138),
    mode='minor',
    verse='i i i i / i i i bVII',
    chorus='i i bVI i / i i iv i',
    cadence='i i',
    variation=0.04,
    bass=part(38, 39, low=29, high=43),
    guitar=part(16, 7, 11, low=60, high=84, voicing='triad'),
    strings=part(81, 87, 80, low=55, high=79, voicing='triad', leap=0.6),
    tab="""
          call             answer           chorus           fill
  oh     |..x...x...x...x.|        %       |        %       |        %       |
  ch     |................|................|xx.xxx.xxx.xxx.x|................|
  cp     |................|................|....x.......x...|............x.x.|
  mc     |...?.....?...?..|        %       |        %       |..........x..x..|
  bd     |x...x...x...x...|        %       |        %       |x...x...x.......|
  bass   |..1...1...1...1.|        %       |.111.111.111.111|..1...1...1.1.1.|
  bass   |.11..11..11..11.|        %       |.11..11..11.811.|.11..11..11.1111|
  guitar |...X.....X......|...X.....X...X..|...X..X.....X...|...X.....X......|
  guitar |......X.......X.|......X.......XX|..X..X....X..X..|......X.......X.|
  strings|1.21.31.21.31.21|        %       |1321132113211321|1.21.31.1.......|
  strings|o..o..o..o..o.o.|        %       |o..o..o..o..o.o.|o..o..o.........|
    """,
  ),
  style(
    'drum and bass',
    tempo=(166, 178),
    mode='minor',
    verse='i7 i7 bVImaj7 bVImaj7 / i9 i9 iv9 iv9 / i7 i7 i7 bVII',
    chorus='bVImaj7 bVII i7 i7 / iv7 iv7 i7 i7',
    cadence='bVII i7',
    variation=0.25,
    bass=part(38, 39, low=24, high=36),
    guitar=part(4, 5, 11, low=58, high=82, voicing='rootless'),
    strings=part(89, 91, 94, low=64, high=84, voicing='seventh', leap=0.3),
    tab="""
          call             answer           chorus           fill
  ch     |x.x.x.x.x.x.x.x.|        %       |................|x.x.x...........|
  rd     |................|................|x.x.x.x.x.x.x.x.|................|
  sd     |....x..x.?..x...|....x..x.x....x.|....x..x.x..x..x|....x.x..xx.x.xx|
  bd     |x.x.......xx....|x.x.......x..?..|x.x.......x.....|x.x.......x.....|
  bass   |1-----------....|----------5---..|1-------..1---..|1-----------a---|
  bass   |1---------1-----|------3-----1---|1--1--1---------|1-------a-------|
  guitar |..X...X---......|......X-----....|..X...X---X---..|..X.......X---..|
  guitar |......X-----....|..........X---..|...X--X-----....|......X---------|
  strings|X---------------|--------X-------|o---------------|o-------o-------|
  strings|o---------------|------o---------|X---------------|------------....|
    """,
  ),
  style(
    'trance',
    tempo=(134, 144),
    mode='minor',
    verse='i bVI bIII bVII / i i bVI bVII / iv bVI i bVII',
    chorus='bVI bVII i i / i bVI bIII bVII',
    cadence='bVII i',
    variation=0.05,
    bass=part(38, low=33, high=45),
    guitar=part(0, 6, 9, low=64, high=88, voicing='triad'),
    strings=part(81, 90, 80, low=69, high=93, voicing='triad', leap=0.3),
    tab="""
          call             answer           chorus           fill
  oh     |..x...x...x...x.|        %       |        %       |................|
  ch     |................|        %       |xxxxxxxxxxxxxxxx|................|
  cp     |....x.......x...|        %       |        %       |x...x...x.x.xxxx|
  bd     |x...x...x...x...|        %       |        %       |x...x...x...x...|
  bass   |..1-..1-..1-..1-|        %       |.111.111.111.111|..1-..1-..1-..1-|
  bass   |.111.111.111.111|        %       |..1-..1-..1-..1-|.111.111.1111111|
  guitar |X---------------|        %       |X--X--X--X--X-X-|X---------------|
  guitar |X-------X-------|        %       |X-.X-.X-.X-.X-X-|X-------X-------|
  strings|1234323412343234|        %       |o--o--o-o--o--o-|1234567876543212|
  strings|4321432143214321|4321432143214322|12341234o-o-o-o-|1234123412341234|
    """,
  ),
  style(
    'house',
    tempo=(118, 128),
    mode='dorian',
    verse='i7 i7 iv7 iv7 / i9 IV9 i9 IV9 / i7 bVII i7 iv7',
    chorus='bVImaj7 v7 i7 i7 / iv7 bVII bIIImaj7 i7',
    cadence='v7 i7',
    variation=0.1,
    bass=part(38, 33, low=29, high=44),
    guitar=part(0, 16, 1, low=55, high=79, voicing='seventh'),
    strings=part(50, 48, 51, low=62, high=86, voicing='shell', leap=0.2),
    tab="""
          call             answer           chorus           fill
  oh     |..x...x...x...x.|        %       |        %       |        %       |
  sh     |xx.xxx.xxx.xxx.x|        %       |        %       |................|
  cp     |....x.......x...|        %       |....x.......x..?|....x..x....x.xx|
  bd     |x...x...x...x...|        %       |        %       |x...x...x...x...|
  bass   |1..1..1...8.1...|1..1..1...5.7...|1.81..1.8.1.7.8.|1..1..1...a.a...|
  bass   |..1-..1-..1-..8.|..1-..1-..5-..7.|1..8..1..8..1.8.|..1-..1-..3-..a.|
  guitar |X--X--X---X--X--|X--X--X---X-----|X-.X-.X-X-.X-.X-|X--X--X---------|
  guitar |..X...X-..X...X-|..X..X..X-..X-..|X--X--X---X--X--|..X...X-..X.....|
  strings|X---------------|        %       |o-----o-o-------|X-------X-------|
  strings|o---------------|o-------o---o---|X---------------|o---------------|
    """,
  ),
  style(
    'disco',
    tempo=(110, 124),
    mode='dorian',
    verse='i7 i7 IV7 IV7 / i7 iv7 bVII bIII / i7 bVII IV7 i7',
    chorus='bVImaj7 bVII i7 i7 / iv7 bVII bIIImaj7 bVImaj7',
    cadence='V7 i7',
    variation=0.15,
    bass=part(33, 36, low=33, high=52),
    guitar=part(27, 28, low=60, high=84, voicing='triad'),
    strings=part(48, 49, 61, low=67, high=91, voicing='triad', leap=0.1),
    tab="""
          call             answer           chorus           fill
  oh     |..x...x...x...x.|        %       |        %       |..x...x.........|
  ch     |xx.xxx.xxx.xxx.x|        %       |        %       |xx.xxx.x........|
  sd     |....x.......x...|        %       |....x.......x..?|....x...xxxxxxxx|
  bd     |x...x...x...x...|        %       |        %       |x...x...x...x...|
  bass   |1-8-1-8-1-8-1-8-|1-8-1-8-1-8-5-7-|1.818.811.818.81|1-8-1-8-5-8-a-8-|
  bass   |1.8.1.881.8.1.88|1.8.1.885.8.7.8.|1-8-1-8-1-8-1-8-|1.8.1.883.8.a.8.|
  guitar |..X...XX..X...X.|..X..XX...X..XX.|XXX.XXXXXXX.XXXX|..X...XX..X-----|
  guitar |XX.XXX.XXX.XXX.X|        %       |..XX..XX..XX..XX|XX.XXX.XX-......|
  strings|o---------------|o-------oooooooo|X-------X-------|oooooooooooo----|
  strings|....o-oooo--....|....o-ooo-------|o-----o-o-o-o---|oooooooooooooooo|
    """,
  ),
)
