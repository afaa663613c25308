import h5py
import numpy as np
import pytest

from tfds_lakh import sources


def touch(folder, *names):
  for name in names:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b'')


def test_a_tree_without_labels(tmp_path):
  touch(tmp_path, 'b/x.MID', 'a.midi', 'notes.txt')
  files = sources.find(tmp_path).files
  assert [f.path for f in files] == ['a.midi', 'b/x.MID']
  assert [f.song for f in files] == ['a.midi', 'b/x.MID']
  assert files[1].full_path == str(tmp_path / 'b/x.MID')


def test_a_tree_with_labels(tmp_path):
  touch(tmp_path, 'a.mid', 'b.mid', 'c.mid')
  labels = (
    'path,song,artist,tags\na.mid,one,X,rock; pop\nb.mid,,X,\nz.mid,9,X,a\n'
  )
  (tmp_path / 'labels.csv').write_text(labels)
  found = {f.path: (f.song, f.tags) for f in sources.find(tmp_path).files}
  assert found == {
    'a.mid': ('one', ('rock', 'pop')),
    'b.mid': ('b.mid', ()),
    'c.mid': ('c.mid', ()),
  }


def test_lakh(tmp_path):
  touch(tmp_path, 'lmd_matched/A/B/C/TRABC1/one.mid')
  touch(tmp_path, 'lmd_matched/A/B/C/TRABC1/two.mid')
  features = tmp_path / 'lmd_matched_h5/A/B/C/TRABC1.h5'
  features.parent.mkdir(parents=True)
  with h5py.File(features, 'w') as h5:
    terms = np.array([b'hip hop', b'caf\xe9'], 'S256')
    h5.create_dataset('metadata/artist_terms', data=terms)
  one, two = sources.find(tmp_path).files
  assert one.song == two.song == 'TRABC1'
  assert sources.tags_of(one) == ('hip hop', 'caf\N{REPLACEMENT CHARACTER}')


def test_lakh_one_folder_too_deep(tmp_path):
  touch(tmp_path, 'lmd_matched/A/B/C/TRABC1/one.mid')
  (tmp_path / 'lmd_matched_h5').mkdir()
  (file,) = sources.find(tmp_path / 'lmd_matched').files
  assert file.song == 'TRABC1'


def test_labels_spell_paths_in_many_ways(tmp_path):
  names = ['b/x.mid', 'b/y.mid', 'b/z.mid', 'caf\u00e9.mid']
  touch(tmp_path, *names)
  spelt = ['b\\x.mid', './b/y.mid', ' b/z.mid', 'cafe\u0301.mid', 'gone.mid']
  lines = ['path,song,tags', *(f'{path},one,pop' for path in spelt)]
  (tmp_path / 'labels.csv').write_text('\n'.join(lines))
  source = sources.find(tmp_path)
  assert [f.path for f in source.files] == names
  assert {f.tags for f in source.files} == {('pop',)}
  assert source.labels_without_file == ['gone.mid']


@pytest.mark.parametrize('content', [None, b'not an h5 file', 'other'])
def test_an_h5_file_without_tags(tmp_path, content):
  touch(tmp_path, 'lmd_matched/A/B/C/TRABC1/one.mid')
  touch(tmp_path, 'lmd_matched_h5/A/B/C/TRother.h5')
  features = tmp_path / 'lmd_matched_h5/A/B/C/TRABC1.h5'
  if content == 'other':
    with h5py.File(features, 'w') as h5:
      h5['metadata/artist_terms'] = np.arange(3)
  elif content:
    features.write_bytes(content)
  (file,) = sources.find(tmp_path).files
  with pytest.raises(sources.TagsError, match=r'TRABC1\.h5: no artist_terms'):
    sources.tags_of(file)


def test_folders_that_cannot_be_built_from(tmp_path):
  with pytest.raises(sources.SourceError, match='no such folder'):
    sources.find(tmp_path / 'none')
  with pytest.raises(sources.SourceError, match=r'no \.mid file'):
    sources.find(tmp_path)
  touch(tmp_path, 'lmd_matched/A/B/C/TRABC1/one.mid')
  with pytest.raises(sources.SourceError, match='lmd_matched_h5: no such'):
    sources.find(tmp_path)


@pytest.mark.parametrize(
  'content, message',
  [
    (b'file,genre\na.mid,rock\n', 'no column path nor tags'),
    (b'path,tags\n\xff\xfe\n', 'cannot be read as CSV'),
    (b'path,tags\na.mid,pop\n./a.mid,rock\n', 'line 3: a.mid has a line'),
  ],
)
def test_bad_labels_name_the_file(tmp_path, content, message):
  touch(tmp_path, 'a.mid')
  (tmp_path / 'labels.csv').write_bytes(content)
  with pytest.raises(sources.SourceError, match=message) as error:
    sources.find(tmp_path)
  assert 'labels.csv' in str(error.value)
