# Frames: the labelled project as tables.
# Needs: a labelled DeepLabCut project (read only), or `labels: demo`, which draws one.
# Makes: frames.csv, labels.h5; for the demo project/.


localrules:
    draw_demo,
    frames,


rule draw_demo:
    """Draw a labelled DeepLabCut project of a walking mouse, with planted label errors."""
    output:
        directory(f"{RESULTS}/project"),
    log:
        f"{LOGS}/draw_demo.log",
    conda:
        "../../envs/frameworth.yaml"
    params:
        demo=as_json(CONFIG["demo"]),
        held_out=as_json(CONFIG["held_out"]),
        seed=CONFIG["seed"],
    shell:
        "python -m frameworth draw-demo {output:q} --demo {params.demo:q} --held-out {params.held_out:q} "
        "--seed {params.seed} 2> {log:q}"


rule frames:
    """Read the labels, and split the frames into pool and held-out."""
    input:
        project_files(),
    output:
        frames=f"{RESULTS}/frames.csv",
        labels=f"{RESULTS}/labels.h5",
    log:
        f"{LOGS}/frames.log",
    conda:
        "../../envs/frameworth.yaml"
    params:
        project=lambda wildcards: project_folder(),
        held_out=as_json(CONFIG["held_out"]),
        seed=CONFIG["seed"],
    shell:
        "python -m frameworth frames {params.project:q} --held-out {params.held_out:q} --seed {params.seed} "
        "--frames {output.frames:q} --labels {output.labels:q} 2> {log:q}"
