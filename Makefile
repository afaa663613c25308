# make quickstart: from nothing to a trained small model, its evaluation,
#                  pictures and .mid files, in runs/quickstart
# make test:       from nothing to a green test suite
# make benchmarks: every table on speed of docs/results.md, in runs/benchmarks;
#                  on a machine with an NVIDIA GPU of 80 GB, at full size:
#                  make benchmarks GPU=1 BENCH_DATA=a prepared data set
# make agreement:  that PyTorch and Keras print the losses that ours prints, and
#                  muspy finds the same metrics
# make guard:      what the step costs an H100, compiled without one, is guarded
PYTHON ?= python3
VENV ?= .venv
PY = $(VENV)/bin/python
comma = ,
DATA = data/quickstart
RUN = runs/quickstart
# All but Fig. 5, of hundreds of pictures.
FIGURES = table1 fig2 fig3 fig4 report ring curves reconstructions codes
# What is timed: full size on a GPU; BENCH_DATA is a prepared data set.
BENCH = runs/benchmarks
BENCH_DATA ?= $(DATA)
CONFIGS ?= $(if $(GPU),gaussian2 flower16,gaussian2)
SIZES ?= $(if $(GPU),,--config.model.width=256 --config.train.batch_size=64)
TABLES = $(foreach config,$(CONFIGS),$(BENCH)/step_time-$(config).md \
  $(BENCH)/peers-$(config).md) $(BENCH)/scaling.md $(BENCH)/input_pipeline.md \
  $(if $(GPU),,$(BENCH)/processes.md) $(BENCH)/compiled.md
TIMED = $(VENV)-peers/bin/python -m experiments.benchmarks
# Songs of the validation split, which training never sees.
SONGS = funk-00144 jazz-00252 metal-00297

define peers
test -d $(VENV)-peers || $(PYTHON) -m venv $(VENV)-peers
$(VENV)-peers/bin/python -m pip install --quiet -c constraints.txt -e '.[peers$(if $(GPU),$(comma)cuda13)]' pytest
endef

.PHONY: quickstart test benchmarks again guard agreement lint clean

quickstart: $(VENV)/.installed $(DATA)/midi/labels.csv
	$(PY) -m tfds_lakh.build --config=2bar --manual_dir=$(DATA)/midi --data_dir=$(DATA)
	$(PY) -m experiments.train --config=quickstart --workdir=$(RUN)
	$(PY) -m experiments.evaluate --workdir=$(RUN)
	$(PY) -m experiments.figures $(FIGURES) --workdir=$(RUN)
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
	$(VENV)-aot/bin/python -m pip install --quiet -c constraints.txt -e '.[aot,aot-tpu]' pytest
	$(VENV)-aot/bin/python -m pytest tests/test_compiled.py tests/test_dry_run.py

# Of the losses of ours and of the other libraries, which are told side by side,
# and of metrics with muspy's.
agreement:
	$(peers)
	$(VENV)-peers/bin/python -m pytest tests/test_benchmarks_step.py tests/test_metrics.py

# Table by table, for nothing else may run meanwhile; what fails ends no other.
benchmarks: $(VENV)/.installed $(if $(filter $(DATA),$(BENCH_DATA)),$(DATA)/midi/labels.csv)
	test $(BENCH_DATA) != $(DATA) || $(PY) -m tfds_lakh.build --config=2bar \
	  --manual_dir=$(DATA)/midi --data_dir=$(DATA)
	$(peers)
	mkdir -p $(BENCH)
	$(MAKE) --jobs=1 --keep-going $(TABLES)

$(BENCH)/%: SHELL = bash
$(BENCH)/%: .SHELLFLAGS = -o pipefail -ec

$(BENCH)/step_time-%.md: again
	XLA_PYTHON_CLIENT_MEM_FRACTION=.95 \
	  $(TIMED).step_time --config=$* $(SIZES) | tee $@

$(BENCH)/peers-%.md: again
	$(TIMED).peers --config=$* $(SIZES) | tee $@

$(BENCH)/scaling.md: again
	$(TIMED).scaling --config=$(if $(GPU),gaussian2,quickstart) | tee $@

# Of a CPU: with a GPU all of them would want it.
$(BENCH)/processes.md: again
	$(TIMED).processes --config=quickstart | tee $@

$(BENCH)/input_pipeline.md: again
	$(TIMED).input_pipeline --data_dir=$(BENCH_DATA) | tee $@

$(BENCH)/compiled.md: guard
	$(VENV)-aot/bin/python -m experiments.benchmarks.compiled | tee $@

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
	rm -rf $(VENV) $(VENV)-aot $(VENV)-peers data/quickstart runs/quickstart $(BENCH)
