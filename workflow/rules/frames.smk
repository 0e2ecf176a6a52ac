# Frames: the labelled project as tables.
# Needs: a labelled DeepLabCut project or another tool's label file (read only), or `labels: demo`, which draws one.
# Makes: frames.csv, labels.h5; for the demo project/, of a label file imported_project/, with `plant` planted_project/.


localrules:
    draw_demo,
    import_labels,
    plant,
    frames,


rule draw_demo:
    """Draw a labelled DeepLabCut project of small animals, with planted label errors."""
    output:
        directory(f"{RESULTS}/project"),
    log:
        f"{LOGS}/draw_demo.log",
    conda:
        "../../envs/frameworth.yaml"
    params:
        demo=as_json(CONFIG.demo),
        held_out=as_json(CONFIG.held_out),
        seed=CONFIG.seed,
    shell:
        'python "$DEMO" {output:q} --demo {params.demo:q} --held-out {params.held_out:q} '
        "--seed {params.seed} 2> {log:q}"


rule import_labels:
    """Read another tool's labels, and write them and their images as a DeepLabCut project."""
    input:
        PROJECT_FILES,
    output:
        directory(f"{RESULTS}/imported_project"),
    log:
        f"{LOGS}/import_labels.log",
    conda:
        "../../envs/frameworth.yaml"
    params:
        labels=lambda wildcards: CONFIG.labels,
    shell:
        "python -m frameworth import-labels -- {params.labels:q} {output:q} 2> {log:q}"


rule plant:
    """Copy the user's project and spoil a share of its labels."""
    input:
        FILES.project_files(FILES.labelled_project),
    output:
        directory(f"{RESULTS}/planted_project"),
    log:
        f"{LOGS}/plant.log",
    conda:
        "../../envs/frameworth.yaml"
    params:
        project=lambda wildcards: FILES.labelled_project,
        plant=as_json(CONFIG.plant),
        held_out=as_json(CONFIG.held_out),
        seed=CONFIG.seed,
    shell:
        "python -m frameworth plant --plant {params.plant:q} --held-out {params.held_out:q} --seed {params.seed} "
        "-- {params.project:q} {output:q} 2> {log:q}"


rule frames:
    """Read the labels, and split the frames into pool and held-out."""
    input:
        FILES.project_files(FILES.project),
    output:
        frames=f"{RESULTS}/frames.csv",
        labels=f"{RESULTS}/labels.h5",
    log:
        f"{LOGS}/frames.log",
    conda:
        "../../envs/frameworth.yaml"
    params:
        project=lambda wildcards: FILES.project,
        held_out=as_json(CONFIG.held_out),
        seed=CONFIG.seed,
    shell:
        "python -m frameworth frames --held-out {params.held_out:q} --seed {params.seed} "
        "--frames {output.frames:q} --labels {output.labels:q} -- {params.project:q} 2> {log:q}"
