# Subsets: which frames each network sees.
# Needs: frames.csv, labels.h5. Makes: subsets/percent-*/seed-*.json, and subsets.csv and subsets.h5 from these.

for RULE, DESIGN, PERCENT, FILES in drawn_together():

    rule:
        name:
            RULE
        input:
            frames=f"{RESULTS}/frames.csv",
            labels=f"{RESULTS}/labels.h5",
        output:
            FILES,
        log:
            f"{LOGS}/subsets/{DESIGN}_{PERCENT:03d}.log",
        localrule: True
        conda:
            "../../envs/frameworth.yaml"
        params:
            folder=lambda wildcards, output: Path(output[0]).parents[1],
            design=DESIGN,
            percent=PERCENT,
            seeds=lambda wildcards, output: seeds_of(output),  # of the output, so that more of them outdate nothing
            study_seed=CONFIG["seed"],
        shell:
            "python -m frameworth draw-subsets {params.folder:q} --frames {input.frames:q} --labels {input.labels:q} "
            "--design {params.design} --percent {params.percent} --seeds {params.seeds:q} "
            "--study-seed {params.study_seed} 2> {log:q}"


localrules:
    subsets,


rule subsets:
    """Collect all subsets into one table and one matrix."""
    input:
        subset_files(),
        frames=f"{RESULTS}/frames.csv",
    output:
        csv=f"{RESULTS}/subsets.csv",
        h5=f"{RESULTS}/subsets.h5",
    log:
        f"{LOGS}/subsets.log",
    conda:
        "../../envs/frameworth.yaml"
    params:
        study=subpath(output.csv, parent=True),
        grid=as_json(CONFIG["subsets"]),
    shell:
        "python -m frameworth subsets {params.study:q} --frames {input.frames:q} --grid {params.grid:q} 2> {log:q}"
