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
            {key: getattr(CONFIG.training, key) for key in ("engine", "net_type", "backbone")}
            | ({"batch_norm": CONFIG.training.batch_norm} if CONFIG.training.batch_norm else {})  # it names the layers
        ),
    shell:
        "python -m frameworth fetch-weights {output:q} --network {params.network:q} 2> {log:q}"
