# What all rules share: the checked config, the grid it asks for, and how the library is called.
# Needs: config. Makes: CONFIG, STUDY, RESULTS, SUBSETS, and helper functions.

import json
import os
import re
import shlex
import subprocess

from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod

from frameworth.plan.arms import arm_names, arm_subsets
from frameworth.cli.checking import check_study, read_config_file
from frameworth.answers.closing import closing_lines
from frameworth.plan.grid import PlannedSubset, planned_subsets, video_networks, warm_bases, weight_options
from frameworth.cli.costs import (
    dearest,
    job_memory,
    job_minutes,
    measured,
    pilot_minutes,
    study_memory,
    study_size,
    video_memory,
    video_minutes,
    warm_minutes,
)
from frameworth.errors import UserError
from frameworth.figures import figure_category, figure_module, figure_names, figure_reads
from frameworth.labels.imported import is_import
from frameworth.plan.pilot import pilot_subset
from frameworth.cli.study_record import write_record
from frameworth.plan.names import prune_sets, subset_path, toggle_arms
from frameworth.videos.video_names import video_folder

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
SUBSETS = planned_subsets(CONFIG)
PROJECT_FILES = list(CHECKED.sources)
SIZE = study_size(CONFIG, PROJECT_FILES)
VIDEOS = {video_folder(path): path for path in CONFIG["videos"]}
BY_PLACE = {(subset.percent, subset.seed): subset for subset in SUBSETS}
BY_PATH = {subset_path(subset.percent, subset.seed): subset for subset in SUBSETS}
# For what to ask of a scheduler.
MEASURED = measured(CONFIG)
COSTED = dearest(CONFIG, SIZE)
STUDY = CONFIG["study"]
RESULTS = f"results/{STUDY}"
LOGS = f"logs/{STUDY}"

# For the commands that train or load networks: where what the pilot chose is added to the config's `training`.
PILOT_OPTION = f"--pilot {RESULTS}/pilot.json" if "pilot" in CONFIG else ""
IMAGENET_OPTION = f"--imagenet {RESULTS}/imagenet.pt" if CONFIG["training"]["weights"] == "imagenet" else ""

ARMS = {arm: arm_subsets(CONFIG, arm) for arm in arm_names(CONFIG)}
ARM_PATTERN = "|".join(map(re.escape, ARMS)) or "none"
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
    member=r"\d+",
    arm=r"with|without|part-\d+",
    pair=r"\d+",
    subset=r"percent-\d{3}/seed-\d+",
    figure=r"[A-Za-z0-9_-]+",
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


def errors_are_planted():
    """Whether the config asks for label errors on purpose."""
    return CONFIG["labels"] == "demo" or bool(CONFIG.get("plant"))


def project_files(folder):
    """The user's files, if `folder` is the project that they make up; where a rule makes the project, the folder."""
    return PROJECT_FILES if folder == CONFIG["labels"] else [folder]


def subset_files(wildcards=None):
    """The files of all subsets, in the order of the config."""
    return [f"{RESULTS}/subsets/{subset_path(s.percent, s.seed)}.json" for s in SUBSETS]


def planned_subset(wildcards):
    """The planned subset that a rule's wildcards `percent` and `seed` name."""
    try:
        return BY_PLACE[int(wildcards.percent), int(wildcards.seed)]
    except KeyError:
        raise WorkflowError(f"The config draws no subset of {wildcards.percent} % with seed {wildcards.seed}.")


def subsets_of_job(paths, wildcards):
    """The planned subsets that a job of the grid trains; `paths` as `ensemble_jobs` gives them."""
    places = [wildcards.subset] if paths == ["{subset}"] else paths
    return [BY_PATH[place] for place in places]


def training_memory(wildcards, attempt):
    """MiB of a job that trains, more at each attempt."""
    return attempt * job_memory(COSTED, SIZE)


def training_minutes(subsets, attempt):
    """Minutes of a job that trains these subsets, more at each attempt."""
    return attempt * job_minutes(COSTED, SIZE, subsets, MEASURED)


def collecting_memory(wildcards, attempt):
    """MiB of a job that holds the scores of all networks or matrices of all frames, more at each attempt."""
    return attempt * study_memory(SIZE, len(SUBSETS))


def ensemble_files(*names):
    """The files of these names of all ensembles, in the order of the config."""
    return [f"{RESULTS}/ensembles/{subset_path(s.percent, s.seed)}/{name}" for s in SUBSETS for name in names]


def ensemble_jobs():
    """What the rules of ensembles are made from: (rule's name, members, paths of its subsets, constraint).

    With one subset per job a rule per number of members, its path a wildcard; with several, a rule per job, as
    the outputs of a rule must share its wildcards.
    """
    yield from jobs_of(SUBSETS)


def jobs_of(subsets):
    """`ensemble_jobs` for some subsets; an arm's are part of the study's."""
    per_job = CONFIG["training"]["subsets_per_job"]
    by_kind = {}
    for subset in subsets:
        by_kind.setdefault((subset.members, subset.percent), []).append(subset_path(subset.percent, subset.seed))
    if per_job == 1:
        for members in sorted({members for members, _ in by_kind}):
            # One pattern per percent: thousands of alternatives would be tried on every file of the plan.
            percents = [percent for count, percent in by_kind if count == members]
            patterns = []
            for percent in percents:
                alone = sum(each == percent for _, each in by_kind) == 1
                seeds = [path.rpartition("-")[2] for path in by_kind[members, percent]]
                patterns.append(rf"percent-{percent:03d}/seed-" + (r"\d+" if alone else f"(?:{'|'.join(seeds)})"))
            yield f"ensemble_of_{members}", members, ["{subset}"], "|".join(patterns)
    else:
        for (members, percent), paths in by_kind.items():
            for start in range(0, len(paths), per_job):
                name = f"ensembles_{percent:03d}_of_{members}_part_{start // per_job + 1}"
                yield name, members, paths[start : start + per_job], "none"


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


def warm_files(wildcards=None):
    """The warm influences of all base networks."""
    return [f"{RESULTS}/warm/{subset_path(s.percent, s.seed)}.h5" for s in warm_bases(CONFIG)]


def toggle_predictions(wildcards=None):
    """The predictions of all arms of all pairs."""
    if not CONFIG.get("toggle"):
        return []
    pairs = range(1, CONFIG["toggle"]["pairs"] + 1)
    folders = [f"{RESULTS}/toggle/{arm}/percent-050" for arm in toggle_arms(CONFIG["toggle"]["parts"])]
    return [f"{folder}/seed-{pair}/predictions.h5" for folder in folders for pair in pairs]


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


def arm_jobs():
    """What the rules of arms are made from: (rule's name, arm, members, paths of its subsets, constraint)."""
    for number, (arm, subsets) in enumerate(ARMS.items(), 1):
        for name, *job in jobs_of(subsets):
            yield f"arm_{number}_{name}", arm, *job


def arm_subsets_of_job(arm, paths, wildcards):
    """The planned subsets that a job of an arm trains; `paths` as `arm_jobs` gives them."""
    places = [wildcards.subset] if paths == ["{subset}"] else paths
    return [subset for subset in ARMS[arm] if subset_path(subset.percent, subset.seed) in places]


def arm_subset_folder(arm):
    """Where the files of an arm's subsets lie: the study's own, unless the arm adds frames to them."""
    return f"{RESULTS}/arms/{{arm}}/subsets" if "pseudo" in CONFIG["arms"][arm] else f"{RESULTS}/subsets"


def arm_inputs(arm, paths, wildcards):
    """What a job of an arm needs besides its subsets: the baseline's networks to continue, or what they told."""
    options = CONFIG["arms"][arm]
    if "start_from" in options:
        starts = [subset_path(options["start_from"]["percent"], s.seed)
                  for s in arm_subsets_of_job(arm, paths, wildcards)]  # fmt: skip
        return [f"{RESULTS}/ensembles/{start}/training.json" for start in starts]
    return [f"{RESULTS}/out_of_bag.h5"] if "curriculum" in options or "augment" in options else []


def arm_predictions(wildcards=None):
    """The predictions of all arms, and of the baseline on the same subsets."""
    places = {arm: [subset_path(s.percent, s.seed) for s in subsets] for arm, subsets in ARMS.items()}
    own = [f"{RESULTS}/arms/{arm}/{path}/predictions.h5" for arm, paths in places.items() for path in paths]
    shared = dict.fromkeys(path for paths in places.values() for path in paths)
    return own + [f"{RESULTS}/ensembles/{path}/predictions.h5" for path in shared]


def prune_predictions(wildcards=None):
    """The predictions of all networks on a pruned pool."""
    prune = CONFIG.get("prune")
    if not prune:
        return []
    folders = [f"{RESULTS}/prune/{removed}/percent-100" for removed in prune_sets(prune["counts"], prune["draws"])]
    return [f"{folder}/seed-{n}/predictions.h5" for folder in folders for n in range(1, prune["networks"] + 1)]


def options(*parts):
    """The parts of the config that a stage after the scores depends on, with the form of consensus."""
    return {part: CONFIG[part] for part in parts} | {"consensus": CONFIG["prediction"]["consensus"]}


def options_for_report(*parts):
    """The same, with the names of the videos' folders if there are any, and whether there is a pilot if there is."""
    further = ({"videos": list(VIDEOS)} if VIDEOS else {}) | ({"pilot": True} if "pilot" in CONFIG else {})
    return options(*parts) | further


def figures_by_module():
    """The names of the study's figures, by the module that draws them; those of videos and of the pilot have rules of their own."""
    by_module = {}
    for name in figure_names(CONFIG["figures"]["pairs"], CONFIG["figures"]["pair_list"]):
        by_module.setdefault(figure_module(name), []).append(name)
    return by_module


def experiments():
    """The tables that say what the experiments of the config came to."""
    asked = [name for name in ("toggle", "prune") if CONFIG.get(name)] + ["arms"] * bool(ARMS)
    return [f"{RESULTS}/{name}.csv" for name in asked]


def figures():
    """All figures of the study."""
    asked = CONFIG["figures"]
    names = figure_names(asked["pairs"], asked["pair_list"], bool(VIDEOS), "pilot" in CONFIG)
    return [f"{RESULTS}/figures/{name}.png" for name in names]


def of_ensemble(predictions, members):
    """All files of the ensemble that these predictions are of; `members` of its networks are kept beside them."""
    names = ["training.json", "consensus.h5", "consensus_dlc.h5", "consensus_dlc.csv"]
    names += [f"member-{member}.pt" for member in range(members if CONFIG["keep_snapshots"] else 0)]
    folder = predictions.rpartition("/")[0]
    return [predictions, *(f"{folder}/{name}" for name in names)]


def of_experiments():
    """The files of the subsets and ensembles of toggle, prune and arms."""
    single = [*toggle_predictions(), *prune_predictions()]
    arms = {
        f"{RESULTS}/arms/{arm}/{subset_path(s.percent, s.seed)}/predictions.h5": CONFIG["arms"][arm]
        for arm, subsets in ARMS.items()
        for s in subsets
    }
    for predictions in single + [path for path, options in arms.items() if "pseudo" in options]:
        folder, percent, seed, _ = predictions.rsplit("/", 3)
        yield f"{folder}/subsets/{percent}/{seed}.json"
    yield from (file for predictions in single for file in of_ensemble(predictions, 1))
    yield from (file for predictions in arms for file in of_ensemble(predictions, 0))
    if any({"curriculum", "augment"} & options.keys() for options in arms.values()):
        yield f"{RESULTS}/out_of_bag.h5"


def artefacts():
    """All that a study makes on the way, too, because Snakemake leaves a lost file lost where nothing asks for it.

    Except the ImageNet weights, which only training needs.
    """
    tables = ["frames", "subsets", "rmse", "labels_to_check", "frame_values", "validation"]
    tables += ["distractors", "outliers", "plan", "add"]
    tables += ["arm_scores", "variance_components"] if ARMS else []
    tables += ["frames_to_label"] if VIDEOS else []
    names = [f"{table}.csv" for table in tables]
    names += ["labels.h5", "subsets.h5", "scores.h5", "influence.h5", "members.h5"]
    names += ["label_qc.csv", "label_qc.json"] if errors_are_planted() else []
    names += ["warm_influence.h5"] if CONFIG["influence"].get("warm") else []
    names += [f"videos/{video}/consensus{end}" for video in VIDEOS for end in (".h5", "_dlc.h5", "_dlc.csv")]
    return [
        *sorted({labelled_project(), project_folder()} - {CONFIG["labels"]}),
        *subset_files(),
        *(file for path, s in zip(ensemble_files("predictions.h5"), SUBSETS) for file in of_ensemble(path, s.members)),
        *pilot_choice(),
        *warm_files(),
        *of_experiments(),
        *(f"{RESULTS}/{name}" for name in names),
        *experiments(),
        *(path.removesuffix("png") + kind for path in figures() for kind in ("png", "svg", "csv")),
    ]


MADE = set(artefacts())


def figure_inputs(module):
    """What a figure reads beside the artefacts that all figures do, as far as the study makes it."""
    return [path for name in figure_reads(module) if (path := f"{RESULTS}/{name}") in MADE]


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
    print("\n".join(["", *closing_lines(Path(RESULTS), CONFIG), ""]))


def print_failure(log):
    """Say what to do after a failure; Snakemake has named the job and its log above."""
    print(
        f"\nA job failed or was stopped. Its log is named above (logs lie in {LOGS}/). If it names something to mend, "
        "mend that. Finished networks are kept: run the same command again and only unfinished work is done. After a crash of Snakemake itself, run it once with "
        "--unlock first.\n",
        file=sys.stderr,
    )
