"""frameworth: which hand-labelled frames help a pose network, and which harm?"""
