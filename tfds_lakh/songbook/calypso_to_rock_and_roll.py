"""Around the Caribbean and Rio, then swing, blues and back to the jukebox."""

from tfds_lakh.songbook.notation import part, style

STYLES = (
  style(
    'calypso',
    tempo=(104, 126),
    mode='major',
    verse='I I V V / I IV V I / I V V I',
    chorus='IV I V I / I IV I V',
    cadence='V7 I',
    variation=0.15,
    bass=part(32, 33, low=36, high=52),
    guitar=part(24, 12, low=55, high=79, voicing='triad'),
    strings=part(114, 114, 73, low=65, high=88, leap=0.3),
    tab="""
          call             answer           chorus           fill
  sh     |x.xxx.xxx.xxx.xx|        %       |        %       |x.xxx.xx........|
  ag     |................|................|x..x..x.x..x..x.|................|
  ti     |................|......?.......?.|................|x.xx.xx.xx.xx.x.|
  ss     |...x..x....x..x.|        %       |...x..x....x..x.|................|
  bd     |x...x...x...x...|        %       |        %       |x...x...x...x...|
  bass   |1--...3-5--...3-|1--...3-5--...a-|1--3--5-8--5--3-|1--3--5-....a-..|
  bass   |1--1--5-....3-..|1--1--5-....a-..|1--...5-1--...5-|1--1--3-5--...a-|
  guitar |...X..X....X..X.|        %       |X..X..X.X..X..X.|...X..X.X-......|
  guitar |..XX..XX..XX..XX|        %       |..X..XX...X..XX.|..XX..X.X-......|
  strings|O-.O-.O-O-..O-..|O-.O-.O-........|OOO.O.OOO.O.O...|O-.O-.OOO-......|
  strings|..o.o.o.o.oo.o..|o..o..o.o---....|o.oo.oo.o.oo.oo.|OOOOOOOOO-......|
    """,
  ),
  style(
    'salsa',
    tempo=(90, 108),
    mode='minor',
    verse='i iv V7 i / i iv.V7 i iv.V7 / i i V7 V7',
    chorus='i bVII bVI V7 / iv i V7 i',
    cadence='V7 i',
    variation=0.2,
    bass=part(32, 35, low=33, high=48),
    guitar=part(0, 0, 1, low=60, high=84, voicing='seventh'),
    strings=part(61, 56, 57, low=65, high=84, voicing='triad', leap=0.35),
    tab="""
          call             answer           chorus           fill
  cl     |x..x..x.....x...|....x...x..x..x.|x..x..x.....x...|x..x..x.........|
  cb     |................|................|x...x...x.x.x.x.|................|
  mc     |x.xxx...x.xxx...|        %       |x.xxx...x.xxx...|................|
  oc     |......xx......xx|        %       |        %       |................|
  ti     |..............?.|..?...........?.|................|x.xxx.xxx.x.xxxx|
  bd     |......x.........|        %       |...x..x....x..x.|x..............x|
  bass   |......5-....1---|-.....5-....1---|--....5-....1---|1-..5-....a-1---|
  bass   |1-....5-..v-1---|--....5-..3-1---|--....5-..8-1---|--..5-..5-..1---|
  guitar |13.13.31.3.13.31|.31.3.13.31.3.1.|1.35.1.35.1.35.1|13.13.X.X-..X---|
  guitar |X.x1.x1.x1.x1.x.|1x.1x.1x.1x.1x.1|X.x1.x1.x1.x1.x.|X.X..X..X-..X---|
  strings|......o-oo.o.o..|o-----......o.oo|X..X..X...X.X-..|X.X.X..X..X.X-..|
  strings|X.....X.....X.XX|..X.....X-......|o.oo.oo.o.o.X-..|o.oo.o.oX-..X-..|
    """,
  ),
  style(
    'samba',
    tempo=(96, 112),
    mode='major',
    verse='I VI7 ii7 V7 / I I ii7 V7 / Imaj7 Imaj7 IV iv6',
    chorus='IV iv6 I VI7 / ii7 V7 iii7 VI7',
    cadence='ii7.V7 I6',
    variation=0.2,
    bass=part(32, 33, low=31, high=43),
    guitar=part(24, 25, low=50, high=76, voicing='seventh'),
    strings=part(73, 72, 57, low=69, high=91, voicing='triad', leap=0.3),
    tab="""
          call             answer           chorus           fill
  sh     |xxxxxxxxxxxxxxxx|        %       |        %       |        %       |
  ag     |................|................|x.x.xx.x.x.x.xx.|................|
  ss     |x.x..x.x.x..x.x.|.x.x..x.x.x..x.x|................|................|
  sd     |................|................|x..xx..xx..xx..x|x.xxx.xxx.xxxxxx|
  ft     |........x.......|........x.....?.|........x.......|................|
  bd     |x..xx..xx..xx..x|        %       |        %       |x..x....x..x....|
  bass   |1--15--51--15--5|1--15--51--15--a|1--1v--v1--1v--v|1--15--51--1a--a|
  bass   |1---v---1---v---|1--1v--v1--1v--a|1--15--v1--15--v|1---v---1---a---|
  guitar |X.x.X..x.x.X.x..|.X.x..X.x.x..X.X|X.xx.xX.xx.xX.xx|X.x.X..X..X-....|
  guitar |1.x1.x.x1.x.1x.x|1.x1.x.x1.x.1x..|1.xx1.xx1.xx1.xx|1.x1.x.X..X-....|
  strings|o.oo.oo.o-----..|..o.oo.oo.oo.o--|o.o.oo.o.o.o.oo.|oooooooooooo....|
  strings|oooo.ooooooo.ooo|o.ooo.o-------..|O--O--O-O--O--O-|oooo.oooo-------|
    """,
  ),
  style(
    'bossa nova',
    tempo=(62, 76),
    mode='major',
    verse='Imaj7 II7 ii7.V7 Imaj7 / Imaj9 vi7 ii9 V9 / Imaj7 iv6 iii7 VI7',
    chorus='iv7 bVII9 Imaj7 VI7 / iii7 bIIImaj7 ii7 bIImaj7',
    cadence='ii9.V9 Imaj9',
    variation=0.25,
    bass=part(32, 35, low=28, high=43),
    guitar=part(24, 24, 26, low=52, high=79, voicing='rootless'),
    strings=part(73, 66, 48, low=64, high=81, voicing='shell', leap=0.3),
    tab="""
          call             answer           chorus           fill
  ch     |x.x.x.x.x.x.x.x.|        %       |xxxxxxxxxxxxxxxx|x.x.x.x.x.x.....|
  ss     |x..x..x...x..x..|....x..x..x..x..|x..x..x...x..x..|x..x..x...x.x.x.|
  bd     |x.....x.x.....x.|        %       |x..xx..xx..xx..x|x.....x.x.......|
  bass   |1-----5-5-----1-|1-----5-5-----a-|1-----5-5---..51|1-----3-5-----a-|
  bass   |1-----v-v-----v-|1-----v-v-----..|1-..1-5-5-..5-1-|1-----5-....v-a-|
  guitar |..X--X--..X-..X-|--X-..X-X--X----|X-..X-.X--X-..X-|..X--X--X-------|
  guitar |X-.X--X-..X--X--|..X-X--X-..X-X--|X--X--X---X--X--|X-.X--X---------|
  strings|o-----o-o---o---|o---------......|..o-o-o-o-----o-|o--o--o---------|
  strings|..o-o--o--o-----|--------o--o--o-|o-------X-------|o-----o---------|
    """,
  ),
  style(
    'jazz',
    tempo=(132, 190),
    mode='major',
    verse='ii7 V7 Imaj7 VI7 / i7 i7 ii7b5 V7 / ii7.V7 Imaj7 iii7.VI7 ii7.V7',
    chorus='iv7 bVII9 bIIImaj7 bVImaj7 / III7 VI7 II7 V7',
    cadence='ii7.V7 Imaj7',
    variation=0.5,
    bass=part(32, low=28, high=52),
    guitar=part(0, 26, 0, low=50, high=77, voicing='rootless'),
    strings=part(66, 65, 56, low=55, high=84, voicing='shell', leap=0.45),
    tab="""
          call             answer           chorus           fill
  rd     |x...x..xx...x..x|        %       |x...x..xx..xx..x|x...x..x........|
  ph     |....x.......x...|        %       |        %       |................|
  sd     |.......?........|...?.......?....|.......x.......?|........x..xx..x|
  ss     |...............?|........?.......|................|................|
  bd     |................|...........?....|x..............?|x..............x|
  bass   |1---o---o---a---|1---o---5---a---|1---3---5---a---|1---o--oo---a---|
  bass   |1---3---o---a---|5---o---o---a---|1--11---o---a---|8---o---o---a---|
  guitar |X--....X........|.......X...X....|...X......X-....|X--X---X--------|
  guitar |.......X-.......|...X.......X----|X-----.X--------|...X...X....X---|
  guitar |X------.........|...X-......X-..X|..X....X...X----|X.......X--X----|
  strings|o--oo--oo--oo---|...oo--oo------.|o---o--oo---o--o|o--oo--oo-------|
  strings|....o--oo--oo--o|o-------...oo--o|o--oo--oo------.|...o...oo-------|
  strings|oo.oo--oo--oo..o|o--oo..oo--o----|o-----.oo--oo--o|oo.oo--oo-------|
    """,
  ),
  style(
    'swing',
    tempo=(136, 176),
    mode='major',
    verse='I6 I6 ii7 V7 / I6 VI7 ii7 V7 / I6 I7 IV6 iv6 I6 VI7 ii7.V7 I6',
    chorus='III7 III7 VI7 VI7 II7 II7 V7 V7 / IV6 iv6 I6 VI7',
    cadence='ii7.V7 I6',
    variation=0.2,
    bass=part(32, low=31, high=45),
    guitar=part(26, 24, 0, low=52, high=76, voicing='shell'),
    strings=part(61, 65, 57, low=58, high=77, voicing='seventh', leap=0.2),
    tab="""
          call             answer           chorus           fill
  oh     |x...x..xx...x..x|        %       |................|................|
  rd     |................|................|x...x..xx...x..x|................|
  ph     |....x.......x...|        %       |        %       |................|
  sd     |................|...............?|....x.......x...|x..xx..xx..xx..x|
  ft     |................|................|................|x.......x...x...|
  bd     |x...x...x...x...|        %       |        %       |x...x...x...x...|
  bass   |1---....5---....|1---....5---a---|1---3---5---6---|1---3---5---a---|
  bass   |1---3---5---3---|8---6---5---3---|1---5---8---5---|1---o---o---a---|
  guitar |X--.X--.X--.X--.|        %       |        %       |X--.X--.X---....|
  guitar |X-..X-..X-..X-..|        %       |X-.xX-..X-.xX-..|X-..X-..X---....|
  strings|X..XX..X....X---|X..XX..X........|o--oo--oo---o---|X--XX--XX---....|
  strings|...XX--....XX--.|....X..XX---....|X---X---X--XX---|o--oo--oX-------|
    """,
  ),
  style(
    'blues',
    tempo=(68, 100),
    mode='blues',
    verse='I7 I7 I7 I7 IV7 IV7 I7 I7 V7 IV7 I7 V7'
    ' / I7 IV7 I7 I7 IV7 IV7 I7 VI7 ii7 V7 I7 V7'
    ' / i7 i7 i7 i7 iv7 iv7 i7 i7 bVI7 V7 i7 V7',
    chorus='IV7 IV7 I7 I7 IV7 IV7 I7 VI7 II7 II7 V7 V7',
    cadence='V7 I7',
    variation=0.3,
    bass=part(33, 32, low=28, high=45),
    guitar=part(26, 27, 0, low=48, high=74, voicing='shell'),
    strings=part(66, 65, 56, low=57, high=79, voicing='shell', leap=0.35),
    tab="""
          call             answer           chorus           fill
  ch     |x..xx..xx..xx..x|        %       |................|x..xx..x........|
  rd     |................|................|x..xx..xx..xx..x|................|
  sd     |....x.......x...|....x.......x..?|....x.......x...|....x..x.xx.xx.x|
  bd     |x......xx.......|x......xx......?|x..x...xx..x....|x.......x.......|
  bass   |1--13--35--56--5|7--76--65--53--3|1--11--15--55--5|1--13--35--5a--a|
  bass   |1---3---5---6---|1---3---5---a---|1--v1--v1--v1--v|1---o---o---a---|
  guitar |X-.XX-.XX-.XX-.X|X-.XX-.XX------.|X--XX--XX--XX--X|X-.XX------.....|
  guitar |....X--.....X--.|....X--X....X--.|...X....X--X....|X--XX-----------|
  strings|o--oo--oo------.|...........oo--o|o--oo--o----....|o--oo--oo--oo---|
  strings|....o--oo--oo---|--------.......o|oo-oo--o----....|...oo--oo-------|
    """,
  ),
  style(
    'rock and roll',
    tempo=(152, 182),
    mode='mixolydian',
    verse='I I I I IV IV I I V IV I V / I IV I I IV IV I I V V I V / I vi IV V',
    chorus='IV IV I I IV IV V V / I I7 IV iv I V I V',
    cadence='V7 I6',
    variation=0.15,
    bass=part(32, 33, low=31, high=50),
    guitar=part(26, 27, 0, low=43, high=72, voicing='power'),
    strings=part(66, 67, 65, low=55, high=74, voicing='triad', leap=0.3),
    tab="""
          call             answer           chorus           fill
  rd     |x.x.x.x.x.x.x.x.|        %       |        %       |................|
  sd     |....x.......x...|....x.x.....x.?.|....x.......x.x.|x.x.x.x.x.x.x.x.|
  ht     |................|................|................|.......x...x.xxx|
  bd     |x.......x.......|        %       |x...x...x...x...|x...x...x...x...|
  bass   |1---3---5---6---|7---6---5---3---|1---3---5---6---|1---3---5---a---|
  bass   |1-1-3-3-5-5-6-6-|7-7-6-6-5-5-3-3-|1-1-5-5-6-6-5-5-|1-1-3-3-5-5-a-a-|
  guitar |X-X-x-X-X-X-x-X-|        %       |X-X-X-X-X-X-X-X-|X---X---X-------|
  guitar |1-1-2-2-3-3-2-2-|1-1-2-2-3-3-2-2-|X-x-X-x-X-x-X-x-|X-X-X-X-X---....|
  strings|o-o-o-o-o-o-o---|..o-o-o-........|X---....X---....|o-o-o-o-o-------|
  strings|......o-o-o-o-o-|o---o---o-o-o---|o-o-o-..o-o-o-..|X---X---X---....|
    """,
  ),
)
