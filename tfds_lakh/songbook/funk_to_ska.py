"""The pocket and the off-beat: funk, soul, hip hop, reggae, ska."""

from tfds_lakh.songbook.notation import part, style

STYLES = (
  style(
    'funk',
    tempo=(94, 112),
    mode='dorian',
    verse='i7 i7 i7 i7 / i7 IV9 i7 IV9 / I9 I9 I9 IV9',
    chorus='IV9 IV9 i7 i7 / bVII bVII IV9 v7',
    cadence='v7 i7',
    variation=0.3,
    bass=part(36, 37, 33, low=28, high=47),
    guitar=part(27, 28, 7, low=58, high=82, voicing='rootless'),
    strings=part(61, 66, 56, low=58, high=79, voicing='shell', leap=0.4),
    tab="""
          call             answer           chorus           fill
  ch     |xxxxxxxxxxxxxx.x|        %       |x.x.x.x.x.x.x.x.|xxxxxxxx........|
  oh     |..............x.|        %       |................|................|
  sd     |....x..x.x..x..?|....x..x.x.x..x.|....x..x....x..x|....x..xx.xxx.xx|
  bd     |x..x..x...x..x..|x.x...x...x..?..|x..x...x..x.....|x..x......x.....|
  bass   |1.1...8.71.5.71.|1..18...1.7.5.a.|1..1..8.1..1.7.8|1.1..3.5..7.8.a.|
  bass   |1..1.5.7..8..7.5|1..1.5.71...5.a.|1.1.8..11.7...5.|1..1..1...5.aaa.|
  guitar |.XX..XX..XX.XX.X|.XX..XX..X.XX...|X..X..X.X..X..X.|.XX..XX.X.......|
  guitar |X..X.XX.X..XX.X.|X..X.XX...XX..XX|..XX..XX.XX..X.X|X..X.X..X.......|
  strings|......X.X.......|......X.X..X..X-|o.oo..o.X-......|X..X..X..X..X---|
  strings|X.............oo|X..X......o.oo.o|X..X..X.......o.|o.oo.o.oX-------|
    """,
  ),
  style(
    'soul',
    tempo=(88, 112),
    mode='mixolydian',
    verse='I I IV IV / I vi7 ii7 V7 / I iii7 IV V',
    chorus='IV iii7 ii7 V7 / vi7 IV I V7',
    cadence='IV.V7 I',
    variation=0.2,
    bass=part(33, 32, low=31, high=48),
    guitar=part(26, 16, 0, low=55, high=79, voicing='triad'),
    strings=part(61, 57, 48, low=57, high=76, voicing='triad', leap=0.2),
    tab="""
          call             answer           chorus           fill
  ch     |x.x.x.x.x.x.x.x.|        %       |................|x.x.x.x.........|
  tb     |................|................|..x...x...x...x.|................|
  sd     |x...x...x...x...|x...x...x...x.?.|....x.......x...|x...x...x.xxx.xx|
  bd     |x......xx.......|x......xx.?...x.|x.x...x.x.x...x.|x.......x.......|
  bass   |1--1..5.6-5-....|1--1..5.6-5-3-a-|1-1-5-6-8-6-5-a-|1---3---5---a---|
  bass   |1-..1-3-5-..6-5-|1-..1-3-5-6-5-a-|1--1--5-1--1--5-|1-1-3-3-5-5-a-a-|
  guitar |....X.......X...|....X.......X.x.|..X...X...X...X.|....X.......X---|
  guitar |X---x---X-x-x---|X---x---X-x-..x-|X-x-X-x-X-x-X-x-|X---X---X-------|
  strings|X-------..X-..X-|X-------........|O--O--O-O---O---|X-X-X-X-X-------|
  strings|....o-o-o-----..|....X---....X-X-|X--X----X--X----|o-o-o-o-X-------|
    """,
  ),
  style(
    'r&b',
    tempo=(64, 82),
    mode='dorian',
    verse='i9 iv9 i9 v7 / bVImaj9 v7 i9 i9 / i9 IV9 i9 IV9',
    chorus='iv9 bVII9 bIIImaj9 bVImaj9 / bVImaj9 bVII9 iv9 i9',
    cadence='v7 i9',
    variation=0.25,
    bass=part(38, 37, low=24, high=41),
    guitar=part(4, 5, low=52, high=76, voicing='rootless'),
    strings=part(52, 91, 48, low=62, high=86, voicing='shell', leap=0.15),
    tab="""
          call             answer           chorus           fill
  ch     |x.xxx.x.x.xxx.x.|x.xxx.xxx.x.xxxx|x.x.x.xxx.x.x.x.|x.xxx.x.........|
  cp     |....x.......x...|        %       |        %       |....x.......x.xx|
  sh     |................|................|.xxx.xxx.xxx.xxx|................|
  bd     |x..x......x.....|x..x...x..x...?.|x.....xx..x.....|x..x......x.....|
  bass   |1--1------5-----|1--1----..7-5---|1-----1-..5-7---|1--1------3---a-|
  bass   |1---------1--5--|1-------....5-7-|1--..1----..1---|1---------5---a-|
  guitar |X------X--------|X------X--..X---|X-----X-X-----X-|X------X--------|
  guitar |X-----------x---|X-----x-----2-1-|X--X------X-----|X-------4-3-2-1-|
  strings|o-------ooo-o---|o---------oooo--|X-----------o-o-|o-----ooo-------|
  strings|X---------------|..o-o-o-o-------|o-o-oo-oo-------|X---------------|
    """,
  ),
  style(
    'hip hop',
    tempo=(82, 98),
    mode='minor',
    verse='i i bVI bVI / i7 iv7 i7 iv7 / i i i v7',
    chorus='bVI v7 i i / iv bVI i i',
    cadence='v7 i',
    variation=0.08,
    bass=part(38, 33, low=24, high=38),
    guitar=part(0, 11, 5, low=57, high=81, voicing='triad'),
    strings=part(48, 45, 56, low=55, high=72, voicing='triad', leap=0.3),
    tab="""
          call             answer           chorus           fill
  ch     |x.x.x.x.x.xxx.x.|        %       |x.xxx.x.x.xxx.x.|x.x.x.x.........|
  sd     |....x.......x...|        %       |....x.......x..x|....x..x....x..x|
  bd     |x......x..xx....|x.x....x..x...?.|x.x.....x.xx....|x......x..x.....|
  bass   |1------1..1-....|1-1....1..5-..a-|1-1-..1---1-..5-|1------1..a-..a-|
  bass   |1-....1---..1-5-|1-....1---..3-1-|1------1--1-----|1-....1---..a-a-|
  guitar |X-..x-..X-..x-..|        %       |X-.x-.X-.x-.X-..|X-..x-..X---....|
  guitar |1-3-..3-2-3-..3-|1-3-..3-2-3-4-3-|1-3-2-3-1-3-2-3-|1-3-..3-X-------|
  strings|o--o--o---......|o--o--o---..o-o-|X-------..X-....|o--o--o---......|
  strings|........X-..X-..|........X-..X-X-|X.....X...X.....|X-------..X-X-..|
    """,
  ),
  style(
    'trip hop',
    tempo=(70, 88),
    mode='minor',
    verse='i9 i9 bVImaj7 bVImaj7 / i7 bII i7 bII / i9 iv9 i9 iv9',
    chorus='iv7 iv7 i9 i9 / bVImaj7 v7 i9 i9',
    cadence='v7 i9',
    variation=0.12,
    bass=part(32, 39, low=26, high=41),
    guitar=part(5, 26, 11, low=50, high=74, voicing='seventh'),
    strings=part(49, 44, 95, low=50, high=69, voicing='seventh', leap=0.1),
    tab="""
          call             answer           chorus           fill
  ch     |x...x.x.x...x.x.|        %       |x.x.x.x.x.x.x.x.|x...x.x.........|
  rd     |..x.......x.....|        %       |................|................|
  sd     |....x.......x...|....x....?..x...|....x..x.x..x...|....x....x..x.x.|
  bd     |x.........x..x..|x..x......x.....|x.x.......x..x..|x.........x.....|
  bass   |1-------------5-|1-----------7-5-|1-----1-------5-|1-----------a---|
  bass   |1-----..1-------|1-----..3---5---|1---------1-----|1-----..5---a---|
  guitar |X---------......|X-------....4---|X-------X-------|X-------------..|
  guitar |1-----3---2-----|1-----3---4-----|1---3---2---4---|X-------------..|
  strings|X---------------|        %       |        %       |        %       |
  strings|o---------------|--------o-------|X---------------|o---------------|
    """,
  ),
  style(
    'dub',
    tempo=(68, 78),
    mode='minor',
    verse='i i iv iv / i bVII i bVII / i i i i',
    chorus='iv iv i i / bVI bVII i i',
    cadence='bVII i',
    variation=0.35,
    bass=part(33, 38, low=24, high=36),
    guitar=part(28, 17, 19, low=57, high=76, voicing='triad'),
    strings=part(71, 57, 78, low=60, high=76, voicing='triad', leap=0.4),
    tab="""
          call             answer           chorus           fill
  ch     |..x...x...x...x.|..x..xx...x...x.|..xx..xx..xx..xx|..x...x.........|
  ss     |................|...?....x.....?.|................|x..x..x..x..x.x.|
  sd     |........x.......|        %       |        %       |........x..xx..x|
  bd     |........x.......|        %       |        %       |........x.......|
  lc     |............x..x|................|..............x.|................|
  bass   |1---..1-3---5-..|1---..1-..v-....|1-..1-..5-3-1-..|1-......v---a---|
  bass   |....1-1-..5-3-1-|....1-1-........|1-----3---5-----|....1-1-..v-a-..|
  guitar |....X.......X...|....X...........|....XX......XX..|....X...........|
  guitar |....X.......X.X.|....X.......X...|....X..X....X..X|....X---........|
  strings|o-------........|........o--o--o-|X---------......|o---------------|
  strings|....o-------....|o---....o-------|......o---o---o-|X---------------|
    """,
  ),
  style(
    'reggae',
    tempo=(72, 90),
    mode='major',
    verse='I IV I IV / I V vi IV / I ii I ii',
    chorus='IV V I I / ii V I vi',
    cadence='V I',
    variation=0.2,
    bass=part(33, 32, low=26, high=43),
    guitar=part(27, 16, 28, low=60, high=81, voicing='triad'),
    strings=part(57, 66, 71, low=60, high=79, voicing='triad', leap=0.2),
    tab="""
          call             answer           chorus           fill
  ch     |x.x.x.x.x.x.x.x.|        %       |x.xxx.xxx.xxx.xx|x.x.x.x.........|
  ss     |........x.......|........x.?.....|................|........x..x..x.|
  sd     |................|................|........x.......|............x.x.|
  bd     |........x.......|        %       |x...x...x...x...|........x.......|
  bass   |1---..1-..3-5-..|1-..1-..5-3-1-..|1-1-3-3-5-5-3-3-|1---..3-..5-a-..|
  bass   |..1-1---..3-1-5-|..1-1---..5-3-..|1---3---5---3---|..1-1---5-..a-..|
  guitar |..X...X...X...X.|        %       |..XX..XX..XX..XX|..X...X...X.....|
  guitar |..X.X.X...X.X.X.|..X...X...X.X.X.|..X...X...X...X.|..X...X.........|
  strings|o---o-o-o-----..|....o-o-o-......|O---O---O-O-O---|o-o-o---........|
  strings|......o-o-o-o---|o-----..........|X-......X-..X-..|o---o---X-------|
    """,
  ),
  style(
    'ska',
    tempo=(132, 160),
    mode='major',
    verse='I vi IV V / I I IV V / I VI7 ii V',
    chorus='IV V I I / ii V I VI7',
    cadence='V I',
    variation=0.2,
    bass=part(32, 33, low=31, high=50),
    guitar=part(27, 26, 16, low=64, high=84, voicing='triad'),
    strings=part(61, 56, 57, low=62, high=81, voicing='triad', leap=0.2),
    tab="""
          call             answer           chorus           fill
  ch     |..x...x...x...x.|        %       |x.x.x.x.x.x.x.x.|..x...x.........|
  ss     |....x.......x...|....x.......x.?.|................|................|
  sd     |................|................|....x.......x...|....x...x.x.xxxx|
  bd     |x...x...x...x...|        %       |x.......x.......|x...x...x...x...|
  bass   |1---3---5---6---|8---6---5---3---|1---3---5---o---|1---3---5---a---|
  bass   |1---o---o---o---|1---5---o---a---|1-1-3-3-5-5-a-a-|1---8---5---a---|
  guitar |..X...X...X...X.|        %       |..XX..XX..XX..XX|..X...X...X.....|
  guitar |..X...X...X...X.|..X...X..XX...X.|..X...X...X...X.|..X...X.........|
  strings|O-O-O-..O-O-O-..|O---O---........|o-o-o-o-o---o---|X-X-..X-..X-....|
  strings|..X...X...X.X---|..X...X...X.....|O-O-O-O-O-..O-..|o-o-o-o-X---....|
    """,
  ),
)
