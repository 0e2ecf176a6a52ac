# What all rules share: the checked config, the grid it asks for, and how the library is called.
# Needs: config. Makes: CONFIG, STUDY, RESULTS, REQUESTS, and helper functions.

import json
import os
import re
import shlex
import subprocess
from typing import NamedTuple

from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod

from frameworth.plan.arms import arm_names
from frameworth.cli.checking import check_study, read_config_file
from frameworth.answers.closing import closing_lines
from frameworth.attribution.methods import method
from frameworth.config.registries import asked_methods
from frameworth.plan.grid import base_subsets, method_options, video_networks, weight_options
from frameworth.cli.costs import (
    dearest,
    job_memory,
    job_minutes,
    measured,
    method_minutes,
    pilot_minutes,
    study_memory,
    study_size,
    video_memory,
    video_minutes,
)
from frameworth.errors import UserError
from frameworth.figures import figure_category, figure_module, figure_names, figure_reads
from frameworth.labels.imported import is_import
from frameworth.cli.running import refuse_places
from frameworth.plan.pilot import pilot_subset
from frameworth.cli.study_record import write_record
from frameworth.plan.names import subset_path
from frameworth.plan.requests import ARMS, GRID, PRUNE, TOGGLE, requests
from frameworth.videos.video_names import video_folder

if workflow.local_exec and workflow.resource_settings.cores == 0:  # Snakemake would wait for ever
    raise WorkflowError("--cores: 0 is no number of cores; give a number from 1, or all")

# All that is wrong is told at once, before any job. A job on another machine evaluates this again, and need not look
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
SIZE = study_size(CONFIG, PROJECT_FILES)
VIDEOS = {video_folder(path): path for path in CONFIG["videos"]}
REQUESTS = requests(CONFIG)
METHODS = list(asked_methods(CONFIG["influence"]))
BY_ENSEMBLE = {request.ensemble: request for request in REQUESTS}
# For what to ask of a scheduler.
MEASURED = measured(CONFIG)
COSTED = dearest(CONFIG, SIZE)
STUDY = CONFIG["study"]
RESULTS = f"results/{STUDY}"
LOGS = f"logs/{STUDY}"

if workflow.is_main_process and not workflow.dryrun:
    try:
        refuse_places([Path(folder) for folder in (RESULTS, LOGS)])
    except UserError as refused:
        raise WorkflowError("\n".join(refused.lines()))

# For the commands that train or load networks: where what the pilot chose is added to the config's `training`.
PILOT_OPTION = f"--pilot {RESULTS}/pilot.json" if "pilot" in CONFIG else ""
IMAGENET_OPTION = f"--imagenet {RESULTS}/imagenet.pt" if CONFIG["training"]["weights"] == "imagenet" else ""

ARM_PATTERN = "|".join(map(re.escape, arm_names(CONFIG))) or "none"
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


# Not part of what triggers a rerun: where the library and its Python lie.
shell.prefix(
    "set -euo pipefail; "
    f"export PYTHONPATH={shlex.quote(str(ROOT / 'workflow'))}; "
    + ("" if OWN_PYTHON else f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; ")
    + "export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1; "
    # glibc: keep freed memory instead of handing it back and asking again at every gradient step.
    "export MALLOC_TRIM_THRESHOLD_=2000000000 MALLOC_MMAP_THRESHOLD_=33554432; "
    + (f"export FRAMEWORTH_NETWORKS_PER_GPU={str(NETWORKS_PER_GPU)!r}; " if NETWORKS_PER_GPU is not None else "")
)


wildcard_constraints:
    percent=r"\d{3}",
    seed=r"\d+",
    arm=r"with|without|part-\d+",
    pair=r"\d+",
    subset=r"percent-\d{3}/seed-\d+",
    video=r"[A-Za-z0-9._-]+",


def as_json(value):
    """A value for a command's option: keys sorted, so that equal values are equal texts."""
    return json.dumps(value, sort_keys=True)


def labelled_project():
    """The project with the labels as they were given: the user's own, the demo's, or the one of imported labels."""
    if CONFIG["labels"] == "demo":
        return f"{RESULTS}/project"
    return f"{RESULTS}/imported_project" if is_import(Path(CONFIG["labels"])) else CONFIG["labels"]


def project_folder():
    """The labelled project of the study: as it was given, or the copy with planted errors."""
    planted = CONFIG.get("plant") and CONFIG["labels"] != "demo"
    return f"{RESULTS}/planted_project" if planted else labelled_project()


def project_files(folder):
    """The user's files, if `folder` is the project that they make up; where a rule makes the project, the folder."""
    return PROJECT_FILES if folder == CONFIG["labels"] else [folder]


def subset_files(wildcards=None):
    """The files of the grid's subsets, in the order of the config."""
    return [f"{RESULTS}/{request.subset_file}" for request in REQUESTS if request.part == GRID]


def drawn_together():
    """The subset files of the grid that one job draws: (name of its rule, design, percent, files).

    Those of one design and percent; files that are there stand apart from new ones, as Snakemake takes all that a job
    makes for changed, and a new seed outdates no other subset.
    """
    alike = {}
    for request in REQUESTS:
        if request.part == GRID:
            path = f"{RESULTS}/{request.subset_file}"
            key = request.subset.design, request.subset.percent, Path(path).exists()
            alike.setdefault(key, []).append(path)
    return [
        (f"subset_{design}_{percent:03d}_{'there' if there else 'new'}", design, percent, files)
        for (design, percent, there), files in alike.items()
    ]


def seeds_of(files):
    """The seeds of subset files, as runs such as 1-24,30: thousands fit a command line so."""
    runs = []
    for seed in sorted(int(Path(file).stem.removeprefix("seed-")) for file in files):
        if runs and seed == runs[-1][1] + 1:
            runs[-1][1] = seed
        else:
            runs.append([seed, seed])
    return ",".join(f"{first}-{last}" for first, last in runs)


class TrainingJob(NamedTuple):
    """What a rule of ensembles is made from; `folder` and `subsets` are below the study's folder, `paths` below these.

    With one subset per job the path is a wildcard, which stands for any that `constraint` matches.
    """

    name: str
    folder: str
    subsets: str
    members: int
    keeps_networks: bool
    arm: str
    paths: list[str]
    constraint: str


def training_jobs():
    """The jobs that train: with one subset per job a rule per folder and number of members, else a rule per job."""
    per_job = CONFIG["training"]["subsets_per_job"]
    by_kind = {}
    for request in REQUESTS:
        percent = 0 if per_job == 1 else request.subset.percent
        by_kind.setdefault((request.folder, request.subset.members, percent), []).append(request)
    folders = list(dict.fromkeys(request.folder for request in REQUESTS))
    for (folder, members, percent), alike in by_kind.items():
        first = alike[0]
        part = "" if first.part == GRID else f"{first.part}_{folders.index(folder)}_"
        subsets = f"{folder}/subsets" if first.has_own_subset else "subsets"
        common = folder, subsets, members, first.keeps_networks, first.variant if first.part == ARMS else ""
        if per_job == 1:
            yield TrainingJob(f"{part}ensemble_of_{members}", *common, ["{subset}"], pattern_of(alike))
            continue
        for start in range(0, len(alike), per_job):
            name = f"{part}ensembles_{percent:03d}_of_{members}_part_{start // per_job + 1}"
            paths = [request.path for request in alike[start : start + per_job]]
            yield TrainingJob(name, *common, paths, "none")


def pattern_of(alike):
    """What the path of any of these ensembles of one folder matches, and no other's.

    One pattern per percent: thousands of alternatives would be tried on every file of the plan.
    """
    seeds, others = {}, {}
    for request in REQUESTS:
        if request.folder == alike[0].folder:
            own = seeds if request.subset.members == alike[0].subset.members else others
            own.setdefault(request.subset.percent, []).append(str(request.subset.seed))
    return "|".join(
        rf"percent-{percent:03d}/seed-(?:{'|'.join(some) if percent in others else '[0-9]+'})"
        for percent, some in seeds.items()
    )


def requests_of(job, wildcards):
    """What a job trains."""
    paths = [wildcards.subset] if job.paths == ["{subset}"] else job.paths
    return [BY_ENSEMBLE[f"{job.folder}/{path}"] for path in paths]


def training_minutes(job, wildcards, attempt):
    """Minutes of a job that trains, more at each attempt."""
    return attempt * job_minutes(COSTED, SIZE, [request.costed for request in requests_of(job, wildcards)], MEASURED)


def arm_inputs(job, wildcards):
    """What a job of an arm needs besides its subsets: the baseline's networks to continue, or what they told."""
    options = CONFIG["arms"][job.arm] if job.arm else {}
    if "start_from" in options:
        percent = options["start_from"]["percent"]
        starts = [subset_path(percent, request.subset.seed) for request in requests_of(job, wildcards)]
        return [f"{RESULTS}/ensembles/{start}/training.json" for start in starts]
    return [f"{RESULTS}/out_of_bag.h5"] if "curriculum" in options or "augment" in options else []


def arm_options(job):
    """The options of the command for a job of an arm."""
    if not job.arm:
        return ""
    options = {"--arm": as_json(CONFIG["arms"][job.arm]), "--baseline": f"{RESULTS}/ensembles"}
    options |= {"--out-of-bag": f"{RESULTS}/out_of_bag.h5"}
    return shlex.join(word for option in options.items() for word in option)


def training_memory(wildcards, attempt):
    """MiB of a job that trains, more at each attempt."""
    return attempt * job_memory(COSTED, SIZE)


def collecting_memory(wildcards, attempt):
    """MiB of a job that holds the scores of all networks or matrices of all frames, more at each attempt."""
    return attempt * study_memory(SIZE, len(subset_files()))


def ensemble_files(part, *names):
    """The files of these names of all ensembles of a part of the study."""
    return [f"{RESULTS}/{request.ensemble}/{name}" for request in REQUESTS if request.part == part for name in names]


def arm_predictions(wildcards=None):
    """The predictions of all arms, and of the baseline on the same subsets."""
    shared = dict.fromkeys(request.path for request in REQUESTS if request.part == ARMS)
    return ensemble_files(ARMS, "predictions.h5") + [f"{RESULTS}/ensembles/{path}/predictions.h5" for path in shared]


def imagenet_weights(wildcards=None):
    """The file of ImageNet weights, if training starts from these; fetching them again outdates no network."""
    return [ancient(f"{RESULTS}/imagenet.pt")] if CONFIG["training"]["weights"] == "imagenet" else []


def pilot_choice(wildcards=None):
    """The file of what the pilot chose, if the config has one; networks of another choice are outdated."""
    return [f"{RESULTS}/pilot.json"] if "pilot" in CONFIG else []


def pilot_subset_file(wildcards=None):
    """The file of the subset that the pilot's networks are trained on."""
    subset = pilot_subset(CONFIG)
    return f"{RESULTS}/subsets/{subset_path(subset.percent, subset.seed)}.json"


def method_files(name):
    """What all base networks of a method told."""
    return [f"{RESULTS}/{name}/{subset_path(s.percent, s.seed)}.h5" for s in base_subsets(CONFIG, name)]


def method_influences():
    """What the methods of the config were told, a file each."""
    return [f"{RESULTS}/{method(name).artefact}" for name in METHODS]


def network_files_for_videos(wildcards=None):
    """The networks that look at videos, those of one subset beside each other."""
    networks = video_networks(CONFIG) if VIDEOS else []
    return [f"{RESULTS}/ensembles/{subset_path(s.percent, s.seed)}/member-{member}.pt" for s, member in networks]


def subset_for_videos(wildcards=None):
    """The file of the first subset whose networks look at videos."""
    return [f"{RESULTS}/subsets/{subset_path(s.percent, s.seed)}.json" for s, _ in video_networks(CONFIG)[:1]]


def minutes_of_video(wildcards, attempt):
    """Minutes of a job that looks at a video, more at each attempt."""
    from frameworth.videos.video_files import video_info

    frames = video_info(VIDEOS[wildcards.video]).frames
    return attempt * video_minutes(COSTED, SIZE, MEASURED, frames, len(network_files_for_videos()))


def video_consensus_files(wildcards=None):
    """What was found for each video, in the order of the config."""
    return [f"{RESULTS}/videos/{video}/consensus.h5" for video in VIDEOS]


def check_new_videos():
    """Refuse a video that cannot be decoded before anything is trained; not again where it has been analysed."""
    new = [path for video, path in VIDEOS.items() if not Path(f"{RESULTS}/videos/{video}/consensus.h5").exists()]
    if not new or not workflow.is_main_process:
        return
    from frameworth.videos.video_files import video_info

    try:
        for path in new:
            video_info(path)
    except UserError as error:
        raise WorkflowError("\n".join(error.lines()))


def options(*parts):
    """The parts of the config that a stage after the scores depends on, with the form of consensus."""
    return {part: CONFIG[part] for part in parts} | {"consensus": CONFIG["prediction"]["consensus"]}


def options_for_report(*parts):
    """The same, with the names of the videos' folders if there are any, and whether there is a pilot if there is."""
    further = ({"videos": list(VIDEOS)} if VIDEOS else {}) | ({"pilot": True} if "pilot" in CONFIG else {})
    return options(*parts) | further


def experiments():
    """The tables that say what the experiments of the config came to."""
    asked = [name for name in ("toggle", "prune") if CONFIG.get(name)] + ["arms"] * bool(arm_names(CONFIG))
    return [f"{RESULTS}/{name}.csv" for name in asked]


def figures():
    """All figures of the study."""
    asked = CONFIG["figures"]
    names = figure_names(asked["pairs"], asked["pair_list"], bool(VIDEOS), "pilot" in CONFIG)
    return [f"{RESULTS}/figures/{name}.png" for name in names]


def of_ensemble(request):
    """All files of one ensemble, and that of its subset."""
    members = request.subset.members if CONFIG["keep_snapshots"] and request.keeps_networks else 0
    names = ["predictions.h5", "training.json", "consensus.h5", "consensus_dlc.h5", "consensus_dlc.csv"]
    names += [f"member-{member}.pt" for member in range(members)]
    return [f"{RESULTS}/{request.subset_file}", *(f"{RESULTS}/{request.ensemble}/{name}" for name in names)]


def artefacts():
    """All that a study makes on the way, too, because Snakemake leaves a lost file lost where nothing asks for it.

    Except the ImageNet weights, which only training needs.
    """
    tables = ["frames", "subsets", "rmse", "labels_to_check", "frame_values", "validation"]
    tables += ["distractors", "outliers", "plan", "add"]
    tables += ["arm_scores", "variance_components"] if arm_names(CONFIG) else []
    tables += ["frames_to_label"] if VIDEOS else []
    names = [f"{table}.csv" for table in tables]
    names += ["labels.h5", "subsets.h5", "scores.h5", "influence.h5", "members.h5"]
    steered = any({"curriculum", "augment"} & options.keys() for options in CONFIG.get("arms", {}).values())
    names += ["out_of_bag.h5"] if steered else []
    names += [f"videos/{video}/consensus{end}" for video in VIDEOS for end in (".h5", "_dlc.h5", "_dlc.csv")]
    return [
        *sorted({labelled_project(), project_folder()} - {CONFIG["labels"]}),
        *dict.fromkeys(file for request in REQUESTS for file in of_ensemble(request)),
        *pilot_choice(),
        *(file for name in METHODS for file in method_files(name)),
        *method_influences(),
        *(f"{RESULTS}/{name}" for name in names),
        *experiments(),
        *(path.removesuffix("png") + kind for path in figures() for kind in ("png", "svg", "csv")),
    ]


MADE = set(artefacts())


def figure_inputs(module):
    """What a figure reads beside the artefacts that all figures do, as far as the study makes it."""
    return [path for name in figure_reads(module) if (path := f"{RESULTS}/{name}") in MADE]


def figures_drawn_together():
    """What the rules of figures are made from: (name, figures, what these read beside what all figures do).

    Those of videos and of the pilot have rules of their own.
    """
    alike = {}
    for name in figure_names(CONFIG["figures"]["pairs"], CONFIG["figures"]["pair_list"]):
        drawn_by = figure_module(name)
        alike.setdefault(drawn_by if figure_inputs(drawn_by) else "", []).append(name)
    for alone, names in alike.items():
        yield f"draw_{alone or 'figures'}", names, figure_inputs(alone) if alone else []


def figure_of_report(name):
    """A figure with its place in Snakemake's report."""
    drawn_by = figure_module(name)
    return report(
        f"{RESULTS}/figures/{name}.png",
        caption=f"../report/{drawn_by}.rst",
        category=figure_category(drawn_by),
        labels={"figure": name},
    )


def announce_study():
    """Say what is coming and how far it is, beside the jobs; a process of its own, which may train a few steps.

    Not where jobs go to other machines: what is measured here says nothing of them.
    """
    write_record(CONFIG)  # so that a config that differs is noticed
    at_once = workflow.resource_settings.cores if workflow.local_exec else workflow.resource_settings.nodes
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "frameworth", "announce", "--configfile", "-", "--cores", str(at_once or 1)),
            "--measure" if workflow.local_exec else "--no-measure",
        ],
        stdin=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "workflow")},
        stdout=sys.stderr,
    )
    process.stdin.write(as_json(CONFIG))
    process.stdin.close()


def print_summary():
    """Say where the results are and what they come to."""
    given = str(workflow.configfiles[-1]) if workflow.configfiles else f"config/{STUDY}.yaml"
    print("\n".join(["", *closing_lines(Path(RESULTS), CONFIG, given), ""]))


def print_failure(log):
    """Say what to do after a failure; Snakemake has named the job and its log above."""
    print(
        f"\nA job failed or was stopped. Its log is named above (logs lie in {LOGS}/). If it names something to mend, "
        "mend that. Finished networks are kept: run the same command again and only unfinished work is done. After a crash of Snakemake itself, run it once with "
        "--unlock first.\n",
        file=sys.stderr,
    )
