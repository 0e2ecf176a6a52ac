# Frames: the labelled project as tables.
# Needs: a labelled DeepLabCut project (read only), or `labels: demo`, which draws one.
# Makes: frames.csv, labels.h5; for the demo project/, with `plant` planted_project/.


localrules:
    draw_demo,
    plant,
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


rule plant:
    """Copy the user's project and spoil a share of its labels."""
    input:
        PROJECT_FILES,
    output:
        directory(f"{RESULTS}/planted_project"),
    log:
        f"{LOGS}/plant.log",
    conda:
        "../../envs/frameworth.yaml"
    params:
        project=lambda wildcards: CONFIG["labels"],
        plant=as_json(CONFIG.get("plant")),
        held_out=as_json(CONFIG["held_out"]),
        seed=CONFIG["seed"],
    shell:
        "python -m frameworth plant {params.project:q} {output:q} --plant {params.plant:q} "
        "--held-out {params.held_out:q} --seed {params.seed} 2> {log:q}"


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
