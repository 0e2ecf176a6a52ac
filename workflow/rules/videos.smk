# Videos: unlabelled videos, seen by the networks of the largest subsets. Only with `videos` in the config.
# Needs: the videos; these networks, and the file of one of their subsets; frames.csv, which says what is labelled.
# Makes: videos/{video}/ {consensus.h5, consensus_dlc.*}, a job per video; frames_to_label.csv from them all, and
# figures/video_disagreement.*.
# The log gives frames done, frames per second and time left, every ten seconds.


localrules:
    frames_to_label,
    draw_video_disagreement,


check_new_videos()


rule video:
    """Form the consensus of many networks over one video, decoded once."""
    input:
        video=lambda wildcards: FILES.videos[wildcards.video],
        networks=FILES.video_networks(),
        subset=FILES.video_subset(),
        pilot=FILES.pilot(),
    output:
        f"{RESULTS}/videos/{{video}}/consensus.h5",
        multiext(f"{RESULTS}/videos/{{video}}/consensus_dlc", ".h5", ".csv"),
    log:
        f"{LOGS}/videos/{{video}}.log",
    conda:
        "../../envs/frameworth.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=lambda wildcards, attempt: attempt * COSTS.video_memory(len(FILES.video_networks())),
        runtime=minutes_of_video,
    params:
        folder=subpath(output[0], parent=True),
        members=len(FILES.video_networks()),
        training=TRAINING,
        pilot=PILOT_OPTION,
        device=CONFIG.training.device,
        consensus=CONFIG.prediction.consensus,
    message:
        "Looks at {input.video} with {params.members} networks; how far it is: tail -f {log}"
    shell:
        "exec python -m frameworth video --subset {input.subset:q} --folder {params.folder:q} "
        "--training {params.training:q} {params.pilot} --device {params.device} --consensus {params.consensus} "
        "-- {input.video:q} {input.networks:q} 2> {log:q}"


rule frames_to_label:
    """Choose the frames of all videos to label next."""
    input:
        f"{RESULTS}/frames.csv",
        videos=FILES.video_consensus(),
    output:
        f"{RESULTS}/frames_to_label.csv",
    log:
        f"{LOGS}/frames_to_label.log",
    conda:
        "../../envs/frameworth.yaml"
    params:
        study=subpath(output[0], parent=True),
        wanted=CONFIG.video.frames_to_label,
        seconds_apart=CONFIG.video.seconds_apart,
    shell:
        "python -m frameworth frames-to-label {params.study:q} {input.videos:q} --count {params.wanted} "
        "--seconds-apart {params.seconds_apart} 2> {log:q}"


rule draw_video_disagreement:
    """Draw where ensembles disagree, and what is to be labelled."""
    input:
        videos=FILES.video_consensus(),
        further=FILES.figure_inputs("video_disagreement"),
    output:
        figure_of_report("video_disagreement"),
        multiext(f"{RESULTS}/figures/video_disagreement", ".svg", ".csv"),
    log:
        f"{LOGS}/figures/video_disagreement.log",
    conda:
        "../../envs/frameworth.yaml"
    params:
        study=subpath(output[0], ancestor=2),
        options=as_json({"videos": list(FILES.videos)}),
    shell:
        "python -m frameworth figure video_disagreement --study {params.study:q} --options {params.options:q} "
        "2> {log:q}"
