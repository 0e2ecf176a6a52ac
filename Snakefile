"""frameworth: which hand-labelled frames help a pose network, and which harm?

snakemake --cores all                                         the bundled demo
snakemake --cores all --configfile config/openfield.yaml      a study of your own
"""

import sys
from pathlib import Path

ROOT = Path(workflow.current_basedir)  # of the repository, also where workflow/Snakefile includes this file
sys.path.insert(0, str(ROOT / "workflow"))

# The demo's config is for when nothing else is asked for: Snakemake merges configs key by key, so that under
# a user's file it would smuggle the demo's tiny network into the study.
if not config:

    configfile: "config/demo.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/frames.smk"
include: "workflow/rules/subsets.smk"
include: "workflow/rules/weights.smk"
include: "workflow/rules/pilot.smk"
include: "workflow/rules/ensembles.smk"
include: "workflow/rules/scores.smk"
include: "workflow/rules/methods.smk"
include: "workflow/rules/influence.smk"
include: "workflow/rules/toggle.smk"
include: "workflow/rules/videos.smk"
include: "workflow/rules/questions.smk"
include: "workflow/rules/arms.smk"
include: "workflow/rules/prune.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/review.smk"
include: "workflow/rules/verify.smk"


localrules:
    all,


rule all:
    """Everything a study makes."""
    default_target: True
    input:
        f"{RESULTS}/report.html",
        f"{RESULTS}/summary.json",
        FILES.all(),


onstart:
    announce_study()


onsuccess:
    if set(workflow.dag_settings.targets) <= {"all"}:  # who asks for one file has no need of the answer
        print_summary()


onerror:
    print_failure(log)
