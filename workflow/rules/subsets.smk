# Subsets: which frames each network sees.
# Needs: frames.csv, labels.h5. Makes: subsets/percent-*/seed-*.json, and subsets.csv and subsets.h5 from these.


localrules:
    subset,
    subsets,


rule subset:
    """Draw one subset; one file each, so that a new seed outdates no other subset."""
    input:
        frames=f"{RESULTS}/frames.csv",
        labels=f"{RESULTS}/labels.h5",
    output:
        f"{RESULTS}/subsets/percent-{{percent}}/seed-{{seed}}.json",
    log:
        f"{LOGS}/subset/percent-{{percent}}_seed-{{seed}}.log",
    conda:
        "../../envs/frameworth.yaml"
    params:
        design=lambda wildcards: planned_subset(wildcards).design,
        percent=lambda wildcards: int(wildcards.percent),
        study_seed=CONFIG["seed"],
    shell:
        "python -m frameworth subset {output:q} --frames {input.frames:q} --labels {input.labels:q} "
        "--design {params.design} --percent {params.percent} --seed {wildcards.seed} "
        "--study-seed {params.study_seed} 2> {log:q}"


rule subsets:
    """Collect all subsets into one table and one matrix."""
    input:
        subsets=subset_files(),
        frames=f"{RESULTS}/frames.csv",
    output:
        csv=f"{RESULTS}/subsets.csv",
        h5=f"{RESULTS}/subsets.h5",
    log:
        f"{LOGS}/subsets.log",
    conda:
        "../../envs/frameworth.yaml"
    shell:
        "python -m frameworth subsets {input.subsets:q} --frames {input.frames:q} --csv {output.csv:q} "
        "--h5 {output.h5:q} 2> {log:q}"
