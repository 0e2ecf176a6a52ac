# frameworth: `make` runs the demo, `make install` only sets up, `make test` the tests, `make check` the linters. See README.md.

PYTHON ?= python3
BIN := .venv/bin
CORES ?= all

.PHONY: demo install check test test-fast test-long fuzz benchmark-speed benchmark-levers benchmark-gpu benchmark-scale benchmark-estimators benchmark-verdicts benchmark-learning-curve benchmark-labels trial sleap-environment peers site lock envs config-page bad-inputs-page reliability-page docs openfield openfield-planted openfield-arms findings-more-data findings-paper findings-plantings findings-methods findings-drops findings-harmful findings-acting findings-arms findings-order findings-history clean

demo: .venv/ready
	@$(BIN)/frameworth run --configfile config/demo.yaml --cores $(CORES)

# The set-up alone.
install: .venv/ready
	@echo "Set up. Next: source .venv/bin/activate, then frameworth init path/to/your/project"

# Set-up is done again only when the lock or the project file has changed. --no-deps, because the lock is complete and
# resolves a conflict (see envs/README.md) that pip would refuse. (Some packages bring files for other Pythons, whose
# complaints at compiling are nobody's here.)
.venv/ready: envs/requirements.lock pyproject.toml
	@echo "Set-up, 1 of 4: an environment of its own in .venv/"
	@$(PYTHON) -m venv .venv
	@echo "Set-up, 2 of 4: $$(grep -c '==' $<) packages; some minutes, about 7 GB on disk"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r envs/requirements.lock
	@echo "Set-up, 3 of 4: frameworth itself"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@echo "Set-up, 4 of 4: compiles, so that later commands start at once"
	@$(BIN)/python -W ignore -m compileall -qq .venv/lib || true
	@touch $@

# Optional: SLEAP's label quality control in an environment of its own, for the comparison by `python -m benchmarks.label_qc`.
# --no-deps, because all of SLEAP would bring Qt and more, of which this part needs nothing.
sleap-environment: .venv-sleap/ready

.venv-sleap/ready: envs/sleap.lock
	rm -rf .venv-sleap
	$(PYTHON) -m venv .venv-sleap
	.venv-sleap/bin/python -m pip install --quiet --no-deps --require-hashes -r envs/sleap.lock
	touch $@

# Optional: pyDVL in a folder of its own, for `make benchmark-estimators`; TREKR and cleanlab, for `make benchmark-labels`.
peers: .peers/ready

.peers/ready: envs/peers.lock .venv/ready
	rm -rf .peers
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes --target .peers -r envs/peers.lock
	touch $@

# Optional: the pages as a site that opens offline, with navigation and search, in site/; the pictures of the figures are
# the demo's, if it was run.
site: .venv-site/ready
	@.venv-site/bin/python -m tools.site .site
	@.venv-site/bin/python -m sphinx -q -W -b html .site site
	@echo "Open site/index.html"

.venv-site/ready: envs/site.lock
	@rm -rf .venv-site
	@$(PYTHON) -m venv .venv-site
	@.venv-site/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r envs/site.lock
	@touch $@

check: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

# Two files of tests at a time, in the order of conftest.py: most tests are busy on one core.
test: .venv/ready
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --tally results/reliability.json

# Units, without Snakemake and trainings: what a change of one module should be tried with first. Less than a minute.
test-fast: .venv/ready
	$(BIN)/python -m pytest -n 2 --dist worksteal --durations=5 -m "not slow and not long"

test-long: .venv/ready
	$(BIN)/python -m pytest -m long --tally results/reliability.json

# 10,000 examples of each of nine kinds, where `make test` tries 60; hours. A summary is printed at the end.
fuzz: .venv/ready
	FRAMEWORTH_FUZZ=10000 $(BIN)/python -m pytest -n 2 --dist load tests/faults/test_fuzz.py tests/faults/test_fuzz_files.py --tally results/reliability.json

# About 30 minutes on two cores; results/benchmarks/speed.json and pretrained.json.
benchmark-speed: .venv/ready
	$(BIN)/python -m benchmarks.speed
	$(BIN)/python -m benchmarks.pretrained

# A project as a new user would try it: from `init` to the report with nothing edited, and what came of it; about half an
# hour on two cores. PROJECT is the project or label file, NAME the study's name. With SPOIL=1 a share of the labels
# of a copy is spoilt before, and with SPOIL=shuffle they are mixed up between frames; the last lines name the frames that were found.
NAME ?= trial
trial: .venv/ready
ifdef SPOIL
	rm -rf results/$(NAME)-project
	$(BIN)/python -m benchmarks.spoil $(PROJECT) results/$(NAME)-project $(if $(filter shuffle,$(SPOIL)),--shuffle)
endif
	test -e results/$(NAME).yaml || $(BIN)/frameworth init $(if $(SPOIL),results/$(NAME)-project,$(PROJECT)) --device cpu --study $(NAME) --out results/$(NAME).yaml
	$(BIN)/frameworth run --configfile results/$(NAME).yaml
	$(BIN)/python -m benchmarks.trial results/$(NAME) $(if $(SPOIL),results/$(NAME)-project/spoilt.csv)

benchmark-levers: .venv/ready
	$(BIN)/python -m benchmarks.levers

# Needs a GPU and about ten minutes; results/benchmarks/gpu.json.
benchmark-gpu: .venv/ready
	$(BIN)/python -m benchmarks.gpu

# About ten minutes; results/benchmarks/scale.json.
benchmark-scale: .venv/ready
	$(BIN)/python -m benchmarks.scale

# About 20 minutes; results/benchmarks/estimators.json. Compares with pyDVL's speed after `make peers`.
benchmark-estimators: .venv/ready
	$(BIN)/python -m benchmarks.estimators

# About 35 minutes of one core; results/benchmarks/verdicts.json.
benchmark-verdicts: .venv/ready
	$(BIN)/python -m benchmarks.verdicts

# About ten minutes; results/benchmarks/learning_curve.json.
benchmark-learning-curve: .venv/ready
	$(BIN)/python -m benchmarks.learning_curve

# Who finds wrong labels; some minutes; results/benchmarks/labels.json. PROJECT is the folder of a finished study, such as
# results/demo, or several. Compares with other projects' checkers after `make peers` and `make sleap-environment`.
benchmark-labels: .venv/ready
	$(BIN)/python -m benchmarks.labels $(PROJECT)

openfield: .venv/ready
	$(BIN)/snakemake --cores $(CORES) --configfile config/openfield.yaml

openfield-planted: .venv/ready
	$(BIN)/snakemake --cores $(CORES) --configfile config/openfield-planted.yaml

# About 35 minutes on two cores: arms, history and prune.
openfield-arms: .venv/ready
	$(BIN)/snakemake --cores $(CORES) --configfile config/openfield-arms.yaml

# The studies of docs/findings.md, and what they answer; some hours each on two cores, and resumed where they stopped.
PROJECTS ?= openfield reaching mirrors
STUDY = $(BIN)/snakemake --cores $(CORES) --configfile findings/studies/all.yaml findings/projects/$$project.yaml

findings-more-data: .venv/ready
	for project in $(PROJECTS); do for budget in steps epochs; do \
	  $(STUDY) findings/studies/ladders.yaml findings/studies/$$budget.yaml \
	    --config study=more-data-$$budget-$$project || exit 1; \
	done; done
	$(BIN)/python -m findings more-data

# The grid of config/paper.yaml on networks that have learned: 120 for each project.
findings-paper: .venv/ready
	for project in $(PROJECTS); do \
	  $(BIN)/snakemake --cores $(CORES) --configfile config/paper.yaml findings/studies/all.yaml findings/projects/$$project.yaml \
	    findings/studies/steps.yaml --config study=paper-$$project || exit 1; \
	done
	$(BIN)/python -m findings paper

# Three plantings, each in a pool of its own, and the project as published in a fourth.
findings-plantings: .venv/ready
	for project in $(PROJECTS); do for seed in 1 2 3 4; do \
	  $(STUDY) findings/studies/halves.yaml findings/studies/steps.yaml $$(test $$seed = 4 || echo findings/studies/planted.yaml) \
	    --config study=plantings-$$seed-$$project seed=$$seed || exit 1; \
	done; done
	$(BIN)/python -m findings plantings

# Warm influence and metagradients at equal cost, in four plantings of two projects.
findings-methods: .venv/ready
	for project in openfield mirrors; do for seed in 1 2 3 4; do \
	  $(STUDY) findings/studies/methods.yaml findings/studies/steps.yaml findings/studies/planted.yaml \
	    --config study=methods-$$seed-$$project seed=$$seed || exit 1; \
	done; done
	$(BIN)/python -m findings methods

# How well metagradients predict other subsets of 50, 90 and 95 %, from base networks on 95 % and on halves.
findings-drops: .venv/ready
	for project in $(PROJECTS); do \
	  $(STUDY) findings/studies/drops.yaml findings/studies/steps.yaml --config study=drops-$$project || exit 1; \
	  mkdir -p results/drops-halves-$$project && cp -aln results/drops-$$project/.store results/drops-halves-$$project; \
	  $(STUDY) findings/studies/drops.yaml findings/studies/drops-halves.yaml findings/studies/steps.yaml \
	    --config study=drops-halves-$$project || exit 1; \
	done
	$(BIN)/python -m findings drops

# The frames that metagradients judge worst in the projects as published, in and out of networks with fresh seeds.
findings-harmful: .venv/ready
	for project in $(PROJECTS); do \
	  $(STUDY) findings/studies/harmful.yaml findings/studies/steps.yaml --config study=harmful-$$project || exit 1; \
	  $(BIN)/python -m benchmarks.metagradients --configfile results/harmful-$$project/config.json --groups 6 --pairs 24 \
	    > results/harmful-$$project/toggle.yaml || exit 1; \
	  $(STUDY) findings/studies/harmful.yaml findings/studies/steps.yaml results/harmful-$$project/toggle.yaml \
	    --config study=harmful-$$project || exit 1; \
	done
	$(BIN)/python -m findings harmful

# After findings-plantings.
findings-acting: .venv/ready
	for project in $(PROJECTS); do for seed in 1 2 3; do \
	  test -e results/mended-$$seed-$$project || $(BIN)/python -m findings.mending $$project $$seed || exit 1; \
	  for way in as-is list random all; do \
	    $(STUDY) findings/studies/acting.yaml findings/studies/steps.yaml $$(test $$way != as-is || echo findings/studies/acting-more.yaml) \
	      --config study=acting-$$seed-$$way-$$project seed=$$seed labels=results/mended-$$seed-$$project/$$way || exit 1; \
	done; done; done
	$(BIN)/python -m findings acting

findings-arms findings-order findings-history: findings-%: .venv/ready
	for project in $(PROJECTS); do \
	  $(STUDY) findings/studies/$*.yaml findings/studies/steps.yaml --config study=$*-$$project || exit 1; \
	done
	$(BIN)/python -m findings $*

config-page: .venv/ready
	$(BIN)/python -m tools.config_page > config/README.md

bad-inputs-page: .venv/ready
	cd tests && PYTHONPATH=support:.. ../$(BIN)/python -m bad_inputs.page > ../docs/bad-inputs.md

# What the last tests counted, of `make test`, `make test-long` and `make fuzz`.
reliability-page: .venv/ready
	$(BIN)/python -m tools.reliability_page results/reliability.json > docs/reliability.md

# The rule graph in docs/developing.md and the demo's pictures, after `make`; needs Debian's chromium.
docs: .venv/ready config-page bad-inputs-page
	$(BIN)/python -m tools.rule_graph
	cp results/demo/figures/labels_to_check.png docs/images/
	$(BIN)/python -m tools.picture_of_report results/demo/report.html docs/images/report.png

# Needs uv (pip install uv).
lock:
	uv pip compile envs/requirements.in --override envs/overrides.txt --generate-hashes --no-header \
	  --no-emit-index-url --no-emit-find-links --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
	  --output-file envs/requirements.lock
	uv pip compile envs/site.in --generate-hashes --no-header --no-emit-index-url --no-emit-find-links \
	  --python-version 3.11 --python-platform x86_64-manylinux_2_28 --output-file envs/site.lock
	$(MAKE) envs

# The definitions for conda and Apptainer, from the lock.
envs:
	PYTHONPATH=workflow $(PYTHON) -m tools.environments

clean:
	rm -rf .venv .venv-sleap .venv-site .peers .site site .snakemake results/demo logs/demo .pytest_cache .ruff_cache .hypothesis
