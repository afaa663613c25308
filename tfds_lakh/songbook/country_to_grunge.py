"""From the porch to the garage: country, folk, pop, rock, grunge."""

from tfds_lakh.songbook.notation import part, style

STYLES = (
  style(
    'country',
    tempo=(92, 120),
    mode='pentatonic',
    verse='I I IV I / I IV V I / I I IV IV I I V V',
    chorus='IV I V I / IV IV I I IV I V V',
    cadence='V7 I',
    variation=0.15,
    bass=part(32, 33, low=31, high=45),
    guitar=part(25, 25, 26, low=48, high=76, voicing='triad'),
    strings=part(40, 110, 68, low=62, high=81, voicing='triad'),
    tab="""
          call             answer           chorus           fill
  ch     |x.x.x.x.x.x.x.x.|        %       |        %       |x.x.x.x.........|
  sd     |....x.......x...|....x.......x..?|....x.......x...|....x.......xxxx|
  bd     |x.......x.......|x.......x.?.....|x.......x.......|x.......x.......|
  bass   |1-----..v-----..|        %       |1---..1-v---..v-|1---..v-3---..a-|
  bass   |1---....v---....|1---..v-1---v---|1---v---1---v---|1---v---1---a---|
  guitar |1-..x-..2-..x-..|        %       |1-..x-x-2-..x-x-|1-..x-..X-----..|
  guitar |1-x-x-x-2-x-x-x-|1-x-x-x-2-x-1-x-|1-x-x-x-2-x-x-x-|X---x---X-------|
  strings|o---o---o-o-o---|o-----o-o---....|O---O-O-O---O---|o-o-o---o-------|
  strings|....o-o-o---o-o-|o---o---o-----..|O-----O-O---O-O-|o-o-o-o-o-------|
    """,
  ),
  style(
    'bluegrass',
    tempo=(126, 152),
    mode='pentatonic',
    verse='I I I V I I V I / I IV I V / I I IV IV',
    chorus='IV I I V / IV IV I I I V I I',
    cadence='V I',
    variation=0.2,
    bass=part(32, low=31, high=43),
    guitar=part(25, low=52, high=79, voicing='triad'),
    strings=part(105, 105, 40, low=59, high=83, leap=0.5),
    tab="""
          call             answer           chorus           fill
  sh     |xxxxxxxxxxxxxxxx|        %       |        %       |        %       |
  ss     |....x.......x...|....x.......x.?.|..x...x...x...x.|....x...x.x.xxx.|
  bd     |x.......x.......|        %       |        %       |x...............|
  bass   |1-..v-..1-..v-..|        %       |1-..v-..1-..3-..|1-..v-..1-..aa..|
  bass   |1-......v-......|1-..v-..1-......|1-..v-..1-..v-..|1-..1-..v-..a-..|
  guitar |1.x.2.x.1.x.2.x.|1.x.2.x.1.xx2.xx|1.xx2.xx1.xx2.xx|1.x.2.x.X-..X-..|
  guitar |....X.......X...|....X.......X.X.|..X...X...X...X.|....X...X...X...|
  strings|1324132413241324|132413241324o-o-|4231423142314231|oooooooo1324X---|
  strings|oooooo3ooooo3ooo|o3oo3oo3oooo3ooo|13521352135213o3|oooooooooooooo..|
    """,
  ),
  style(
    'folk',
    tempo=(84, 106),
    mode='major',
    verse='I V vi IV / I iii IV I / I IV I V I IV V I',
    chorus='IV V I vi / vi IV I V',
    cadence='IV I',
    variation=0.25,
    bass=part(32, low=31, high=43),
    guitar=part(24, 25, low=45, high=76, voicing='open'),
    strings=part(73, 75, 71, low=67, high=86, leap=0.15),
    tab="""
          call             answer           chorus           fill
  sh     |..x...x...x...x.|        %       |x.x.x.x.x.x.x.x.|..x...x...x.....|
  tb     |............x...|        %       |....x.......x...|............x...|
  bd     |x...............|x.........?.....|x.......x.......|x...............|
  bass   |1---------------|1-------5-------|1-------5-------|1-------5---3---|
  bass   |1-------1---....|1-----------....|1-----5-1-------|1-------3---5---|
  guitar |1-3-2-4-1-3-2-3-|        %       |1-3-2-3-4-3-2-3-|1-2-3-4-3-2-1---|
  guitar |1---3-2-3---2-3-|1-3-2-3-1-2-3---|1-2-3-4-1-2-3-2-|1-2-3---4-------|
  strings|o-----o-o---o---|o-------....o-o-|o---o---o---o---|o---o-o-o-------|
  strings|....o---o---o---|o---o---o-------|o-----o-o-----o-|o-----o-o-------|
    """,
  ),
  style(
    'soft rock',
    tempo=(74, 94),
    mode='major',
    verse='Imaj7 vi7 IVmaj7 V / Imaj7 iii7 IVmaj7 iv6 / I V.IV vi V',
    chorus='IVmaj7 V I vi7 / ii7 V Imaj7 IVmaj7',
    cadence='ii7.V Imaj7',
    variation=0.2,
    bass=part(33, 35, low=28, high=43),
    guitar=part(4, 5, 0, low=50, high=79, voicing='seventh'),
    strings=part(48, 49, 89, low=60, high=79, voicing='triad', leap=0.1),
    tab="""
          call             answer           chorus           fill
  ch     |x.x.x.x.x.x.x.x.|        %       |        %       |x.x.x.x.........|
  ss     |....x.......x...|        %       |................|....x...........|
  sd     |................|................|....x.......x...|............x.x.|
  bd     |x.........?.....|x.....x.x.......|x......xx.......|x.......x.......|
  mt     |................|................|................|........x.xx....|
  bass   |1-----------5---|1-----1-5-----a-|1-----1-1-----5-|1-------3---a---|
  bass   |1-------1-----5-|1---------1---a-|1-----1-1---5-8-|1-----------a---|
  guitar |X-----------x---|X-------x-------|X---x---X---x---|X-------------..|
  guitar |1-2-3-4-3-2-3-2-|1-2-3-4-3-------|X-2-3-2-X-2-3-2-|X-------3-2-1---|
  strings|X---------------|        %       |X-------X-------|X---------------|
  strings|o---------------|o-------o-------|o-----o-o-------|o-------o-------|
    """,
  ),
  style(
    'pop',
    tempo=(102, 124),
    mode='major',
    verse='I V vi IV / vi IV I V / I vi IV V',
    chorus='IV I V vi / IV V vi I / I V vi IV',
    cadence='V I',
    variation=0.15,
    bass=part(33, 38, low=31, high=46),
    guitar=part(0, 1, 27, low=53, high=81, voicing='triad'),
    strings=part(80, 82, 52, low=64, high=84, leap=0.25),
    tab="""
          call             answer           chorus           fill
  ch     |x.x.x.x.x.x.x.x.|        %       |................|x.x.x.x.........|
  oh     |................|................|..x...x...x...x.|................|
  cp     |....x.......x...|        %       |        %       |....x.......xxxx|
  bd     |x.......x.x.....|x..x....x.x...?.|x...x...x...x...|x..x....x.......|
  bass   |1-.1-.1-1-.1-.1-|        %       |1-1-1-1-1-1-1-1-|1-.1-.1-3-..5-a-|
  bass   |1-----1-..1---5-|1-----1-..1---a-|1---..1-1---..5-|1---3---5---a---|
  guitar |X--X--X-..X-----|X--X--X-..X-..X-|X-..X-..X-..X-..|X--X--X-X-------|
  guitar |X---X---X---X---|X---X---X---X-x-|X-x-X-x-X-x-X-x-|X--X--X-----X---|
  strings|..o-o-o-..o-o---|o-o-o---..o-o-o-|o-----o-o-o-o---|o--o--o---------|
  strings|o--o--o-..o-o-o-|o--o--o-....o-o-|o---o-o--oo-o---|o-o-o---o-------|
    """,
  ),
  style(
    'new wave',
    tempo=(132, 152),
    mode='minor',
    verse='i bVII bVI bVII / i i bVI bVII / i iv bVI bVII',
    chorus='bVI bVII i i / bIII bVII iv bVI',
    cadence='bVII i',
    variation=0.1,
    bass=part(34, 38, low=33, high=50),
    guitar=part(27, 28, low=57, high=81, voicing='sixth'),
    strings=part(81, 51, 50, low=69, high=88, leap=0.2, voicing='triad'),
    tab="""
          call             answer           chorus           fill
  ch     |xxx.xxx.xxx.xxx.|        %       |x.x.x.x.x.x.x.x.|xxx.xxx.xxx.....|
  oh     |...............?|................|..x...x...x...x.|................|
  sd     |....x.......x...|        %       |        %       |....x.......x.x.|
  bd     |x...x...x...x...|x...x...x...x.?.|x...x...x...x...|x...x...x...x...|
  bass   |1.1.1.1.1.1.1.1.|1.1.1.1.1.1.5.5.|1.8.1.8.1.8.1.8.|1.1.1.1.3.3.a.a.|
  bass   |1.1.8.1.1.1.8.1.|1.1.8.1.1.5.8.5.|1.1.1.1.8.8.8.8.|1.1.8.1.5.5.a.a.|
  guitar |..X...X...X...X.|..X...X...X..XX.|X..X..X...X..X..|..X...X...X.....|
  guitar |X.X..X..X.X..X..|        %       |X.X.X.X.X.X.X.X.|X.X..X..X...X...|
  strings|o-----------o-o-|o-------o---o---|o---o---o-o-o---|o-------------..|
  strings|o-o-..o-o-..o-o-|o-o-..o-o-------|X---------------|o-o-o-o-o---....|
    """,
  ),
  style(
    'rock',
    tempo=(112, 138),
    mode='mixolydian',
    verse='I I bVII IV / I IV I bVII / I bVII IV I',
    chorus='IV V I I / vi IV I V / bVI bVII I I',
    cadence='bVII I',
    variation=0.2,
    bass=part(33, 34, low=28, high=43),
    guitar=part(29, 30, 27, low=40, high=72, voicing='barre'),
    strings=part(48, 62, 81, low=60, high=79, voicing='triad', leap=0.25),
    tab="""
          call             answer           chorus           fill
  ch     |x.x.x.x.x.x.x.x.|        %       |................|x.x.x.x.........|
  cc     |................|................|x...x...x...x...|................|
  sd     |....x.......x...|....x.......x..?|....x.......x...|....x...xx..x.xx|
  mt     |................|................|................|..........xx.x..|
  bd     |x.......x.x.....|x.....x.x.x...?.|x.?.....x.x.....|x.......x.......|
  bass   |1-1-1-1-1-1-1-1-|1-1-1-1-1-1-5-a-|1-1-1-1-1-1-1-1-|1-1-1-1-3-3-a-a-|
  bass   |1---..1-1-1-..1-|1---..1-1-1-5-a-|1-1-..1-1-1-..5-|1---1---5---a---|
  guitar |X---X-x-..x-X---|X---X-x-..X-X-X-|X-------X-----X-|X---X---X-------|
  guitar |X-XXX-XX..XXX-XX|X-XXX-XXX-..X-X-|X-X-X-X-X-X-X-X-|X-XXX-X-X-------|
  strings|o-------o-o-o---|o-----o-o-----..|X-------X-------|o---o-o-o-------|
  strings|....o-o-o---o---|o---o-----o-o---|O---O---O-O-O---|o-o-o-o-o-------|
    """,
  ),
  style(
    'grunge',
    tempo=(96, 116),
    mode='minor pentatonic',
    verse='i bIII IV bVI / i.bVI bIII.bII i.bVI bIII.bII / i bVII IV bIII',
    chorus='I bIII IV bVI / i bVI bIII bVII',
    cadence='bVI I',
    variation=0.25,
    bass=part(34, low=26, high=40),
    guitar=part(30, 29, low=38, high=67, voicing='power'),
    strings=part(42, 48, 81, low=50, high=69, voicing='octaves', leap=0.3),
    tab="""
          call             answer           chorus           fill
  ch     |x...x...x...x...|        %       |................|x...x...........|
  cc     |................|................|x...x...x...x...|................|
  sd     |....x.......x...|....x.......x.?.|....x.......x...|....x.xxx.xxxxxx|
  ft     |................|................|................|......x...x.....|
  bd     |x.x....x..x.....|x.x....x..x..?..|x.....x.x.x...x.|x.x.....x.......|
  bass   |1-----1-1-----1-|1-----1-1---1-a-|1-1-1-1-1-1-1-1-|1---1---1---a---|
  bass   |1-------1---1-1-|1-----------a---|1---1-1-1---1-1-|1-------1-a-a-a-|
  guitar |X----XX-..X-X---|X----XX---------|X-X-X-X-X-X-X-X-|X---X---X-------|
  guitar |1---2---1---2-1-|1---2---1-------|X--XX-X-X--XX-X-|X-X-X-------X---|
  strings|o---------------|o-----------o---|X---------------|o-------------..|
  strings|o-------o---o-o-|o-------o-------|O-------O-------|o---o---o-------|
    """,
  ),
)
