"""Methods that ask finished networks what a frame does, in place of the subsets they were trained on."""
