# What all rules share: the checked config, the files it asks for, and how the library is called.
# Needs: config. Makes: CONFIG, RESULTS, FILES, and helper functions.

import json
import re
import shlex

from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod

from frameworth.attribution.methods import method
from frameworth.cli.artefacts import Artefacts
from frameworth.cli.checking import check_study, read_config_file
from frameworth.answers.closing import closing_lines
from frameworth.plan.arms import trained_arms
from frameworth.plan.grid import method_options
from frameworth.cli.costs import Costs, measured, study_memory, study_size
from frameworth.config.section import Section
from frameworth.errors import UserError
from frameworth.figures import figure_category, figure_module
from frameworth.cli.running import refuse_places, start_announcing
from frameworth.cli.study_record import write_record
from frameworth.plan.jobs import runs_of, subset_jobs, training_jobs
from frameworth.plan.requests import GRID, PRUNE, TOGGLE, requests

if workflow.local_exec and workflow.resource_settings.cores == 0:  # Snakemake would wait for ever
    raise WorkflowError("--cores: 0 is no number of cores; give a number from 1, or all")

# All problems are reported at once, before any job. A job on another machine evaluates this again, and need not look
# at the images a second time.
CHECKED = check_study(
    dict(config), "headers" if workflow.is_main_process else "tables", runs_here=bool(workflow.local_exec)
)
MISTAKES = [problem for path in workflow.configfiles for problem in read_config_file(Path(path))[1]]
PROBLEMS = [f"{problem.severity}: {problem}" for problem in (*MISTAKES, *CHECKED.problems)]
if MISTAKES or CHECKED.count("error"):
    raise WorkflowError("\n".join(PROBLEMS))
if workflow.is_main_process:
    print(*PROBLEMS, sep="\n", end="\n" * bool(PROBLEMS), file=sys.stderr)

CONFIG = CHECKED.config
PROJECT_FILES = list(CHECKED.sources)
FILES = Artefacts(CONFIG, PROJECT_FILES)
COSTS = Costs(CONFIG, study_size(CONFIG, PROJECT_FILES), measured(CONFIG))  # what to ask of a scheduler
RESULTS = str(CONFIG.folder)
LOGS = f"logs/{CONFIG.study}"


def refused(look):
    """Call `look`, and end the workflow with what it says is wrong."""
    try:
        look()
    except UserError as error:
        raise WorkflowError("\n".join(error.lines()))


if workflow.is_main_process and not workflow.dryrun:
    refused(lambda: refuse_places([Path(folder) for folder in (RESULTS, LOGS)]))

# For the commands that train or load networks: where what the pilot chose is added to the config's `training`.
PILOT_OPTION = f"--pilot {RESULTS}/pilot.json" if CONFIG.pilot else ""
IMAGENET_OPTION = f"--imagenet {RESULTS}/imagenet.pt" if CONFIG.training.weights == "imagenet" else ""

ARM_PATTERN = "|".join(map(re.escape, trained_arms(CONFIG.arms))) or "none"
REMOVED_PATTERN = r"none|(?:worst|best)-\d+|random-\d+-\d+"

# How many networks train at once on one GPU: the profile's choice, see profiles/local-gpu.
LIMITS = workflow.global_resources
NETWORKS_PER_GPU = LIMITS["networks_per_gpu"].value if "networks_per_gpu" in LIMITS else None
if NETWORKS_PER_GPU is not None and NETWORKS_PER_GPU < 1:
    raise WorkflowError(f"networks_per_gpu: {NETWORKS_PER_GPU} must be at least 1 (among the profile's resources)")

# Conda environments and the container bring a Python of their own.
DEPLOYMENT = workflow.deployment_settings.deployment_method
OWN_PYTHON = DeploymentMethod.CONDA in DEPLOYMENT or DeploymentMethod.APPTAINER in DEPLOYMENT
IMAGE = ROOT / "envs" / "frameworth.sif"
if DeploymentMethod.APPTAINER in DEPLOYMENT and not IMAGE.exists():
    raise WorkflowError(f"--sdm apptainer: there is no {IMAGE}; build it from envs/frameworth.def, see envs/README.md")


# For all rules, and only with --sdm apptainer: an image's path cannot hold a space, a repository's may.
if DeploymentMethod.APPTAINER in DEPLOYMENT:

    container: str(IMAGE)


# Braces would be read as names by Snakemake.
WINDOWS = shlex.quote(json.dumps(FILES.windows())).replace("{", "{{").replace("}", "}}") if FILES.windows() else ""

# Not part of what triggers a rerun: where the library and its Python lie.
shell.prefix(
    "set -euo pipefail; "
    f"export PYTHONPATH={shlex.quote(str(ROOT / 'workflow'))}; DEMO={shlex.quote(str(ROOT / 'demo'))}; "
    + ("" if OWN_PYTHON else f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; ")
    + "export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1; "
    # glibc: keep freed memory instead of handing it back and asking again at every gradient step.
    "export MALLOC_TRIM_THRESHOLD_=2000000000 MALLOC_MMAP_THRESHOLD_=33554432; "
    + (f"export FRAMEWORTH_WINDOWS={WINDOWS}; " if WINDOWS else "")
    + (f"export FRAMEWORTH_NETWORKS_PER_GPU={str(NETWORKS_PER_GPU)!r}; " if NETWORKS_PER_GPU is not None else "")
)


wildcard_constraints:
    percent=r"\d{3}",
    seed=r"\d+",
    side=r"with|without|part-\d+",
    pair=r"\d+",
    subset=r"percent-\d{3}/seed-\d+",
    video=r"[A-Za-z0-9._-]+",


def as_json(value):
    """A value or a part of the config for a command's option: keys sorted, so that equal values are equal texts."""
    return json.dumps(value, sort_keys=True, default=Section.model_dump)


# For the commands that train or load networks, and what they ask of a scheduler.
TRAINING = as_json(CONFIG.training.for_weights)
GPUS = 0 if CONFIG.training.device == "cpu" else 1


def training_minutes(job, wildcards, attempt):
    """Minutes of a job that trains, more at each attempt."""
    asked = [request.costed for request in job.requests(wildcards.get("subset"))]
    return attempt * COSTS.minutes(COSTS.job_seconds(asked))


def training_memory(wildcards, attempt):
    """MiB of a job that trains, more at each attempt."""
    return attempt * COSTS.job_memory()


def collecting_memory(wildcards, attempt):
    """MiB of a job that holds the scores of all networks or matrices of all frames, more at each attempt."""
    return attempt * study_memory(COSTS.size, len(FILES.subsets()))


def minutes_of_video(wildcards, attempt):
    """Minutes of a job that looks at a video, more at each attempt."""
    from frameworth.videos.video_files import video_info

    frames = video_info(FILES.videos[wildcards.video]).frames
    return attempt * COSTS.minutes(COSTS.video_seconds(frames, len(FILES.video_networks())))


def imagenet_weights():
    """The file of ImageNet weights, if training starts from these; fetching them again outdates no network."""
    return [ancient(f"{RESULTS}/imagenet.pt")] if CONFIG.training.weights == "imagenet" else []


def options(*parts):
    """The parts of the config that a stage after the scores depends on, with the form of consensus."""
    return {part: getattr(CONFIG, part) for part in parts} | {"consensus": CONFIG.prediction.consensus}


def options_for_report(*parts):
    """The same, with the names of the videos' folders if there are any, and whether there is a pilot if there is."""
    further = ({"videos": list(FILES.videos)} if FILES.videos else {}) | ({"pilot": True} if CONFIG.pilot else {})
    return options(*parts) | further


def figure_of_report(name):
    """A figure with its place in Snakemake's report."""
    drawn_by = figure_module(name)
    return report(
        f"{RESULTS}/figures/{name}.png",
        caption=f"../report/{drawn_by}.rst",
        category=figure_category(drawn_by),
        labels={"figure": name},
    )


def check_new_videos():
    """Refuse a video that cannot be decoded before anything is trained; not again where it has been analysed."""
    looked_at = zip(FILES.videos.values(), FILES.video_consensus())
    new = [path for path, consensus in looked_at if not Path(consensus).exists()]
    if new and workflow.is_main_process:
        from frameworth.videos.video_files import video_info

        refused(lambda: [video_info(path) for path in new])


def announce_study():
    """Say what is coming and how far it is, beside the jobs.

    Where jobs go to other machines nothing is measured here, which says nothing of them.
    """
    write_record(CONFIG)  # so that a config that differs is noticed
    at_once = workflow.resource_settings.cores if workflow.local_exec else workflow.resource_settings.nodes
    start_announcing(CONFIG, cores=at_once or 1, measure=bool(workflow.local_exec))


def print_summary():
    """Say where the results are and what they come to."""
    # Of several files, or with --config, none alone is the study's config; its record is.
    alone = len(workflow.configfiles) == 1 and not workflow.config_settings.config
    given = str(workflow.configfiles[0]) if alone else f"{RESULTS}/config.json"
    print("\n".join(["", *closing_lines(Path(RESULTS), CONFIG, given), ""]))


def print_failure(log):
    """Say what to do after a failure; Snakemake has named the job and its log above."""
    print(
        f"\nA job failed or was stopped. Its log is named above (logs lie in {LOGS}/). If it names something to correct, "
        "correct that. Finished networks are kept: run the same command again and only unfinished work is done. After a crash of Snakemake itself, run it once with "
        "--unlock first.\n",
        file=sys.stderr,
    )
