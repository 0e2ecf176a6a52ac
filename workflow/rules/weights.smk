# Weights: the ImageNet weights of the networks' backbone. Only with `weights: imagenet`.
# Needs: the internet, where Snakemake runs: compute nodes often have none; nothing else is ever downloaded, and this is
# compared with the SHA-256 that the hub gives for it. Makes: imagenet.pt.


localrules:
    fetch_weights,


rule fetch_weights:
    """Fetch the backbone's ImageNet weights, once for all networks."""
    output:
        f"{RESULTS}/imagenet.pt",
    log:
        f"{LOGS}/fetch_weights.log",
    conda:
        "../../envs/frameworth.yaml"
    params:
        network=as_json(
            {key: CONFIG["training"].get(key) for key in ("engine", "net_type", "backbone")}
            | {key: value for key, value in CONFIG["training"].items() if key == "batch_norm"}  # it names the layers
        ),
    shell:
        "python -m frameworth fetch-weights {output:q} --network {params.network:q} 2> {log:q}"
