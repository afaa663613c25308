# make quickstart: from nothing to a trained small model, its evaluation,
#                  pictures and .mid files, in runs/quickstart
# make test:       from nothing to a green test suite
# make guard:      what the step costs an H100, compiled without one, is guarded
PYTHON ?= python3
VENV ?= .venv
PY = $(VENV)/bin/python
DATA = data/quickstart
RUN = runs/quickstart
# Songs of the validation split, which training never sees.
SONGS = funk-00144 jazz-00252 metal-00297

.PHONY: quickstart test guard lint clean

quickstart: $(VENV)/.installed $(DATA)/midi/labels.csv
	$(PY) -m tfds_lakh.build --config=2bar --manual_dir=$(DATA)/midi --data_dir=$(DATA)
	$(PY) -m experiments.train --config=quickstart --workdir=$(RUN)
	$(PY) -m experiments.evaluate --workdir=$(RUN)
	$(PY) -m experiments.figures --workdir=$(RUN)
	mkdir -p $(RUN)/songs
	for song in $(SONGS); do \
	  $(VENV)/bin/musae reconstruct $(DATA)/midi/$$song.mid \
	    $(RUN)/songs/$$song.mid --workdir=$(RUN) \
	    --png $(RUN)/songs/$$song.png || exit 1; \
	done

$(DATA)/midi/labels.csv: $(VENV)/.installed
	$(PY) -m tfds_lakh.embedded --out=$(DATA)/midi --songs=320 --seed=0

test: $(VENV)/.installed-test
	$(PY) -m pytest -n 2 --dist loadfile

# An environment of its own: JAX complains of a CUDA plugin without CUDA.
guard:
	test -d $(VENV)-aot || $(PYTHON) -m venv $(VENV)-aot
	$(VENV)-aot/bin/python -m pip install --quiet -c constraints.txt -e '.[aot]' pytest
	$(VENV)-aot/bin/python -m pytest tests/test_compiled.py

lint: $(VENV)/.installed-test
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet -c constraints.txt -e .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(PY) -m pip install --quiet -c constraints.txt -e '.[test]'
	touch $@

clean:
	rm -rf $(VENV) $(VENV)-aot data/quickstart runs/quickstart
