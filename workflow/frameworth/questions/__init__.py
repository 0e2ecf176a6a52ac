"""What else a study is asked: which labels are wrong, and why, and what more of them would bring."""
