// placeholder until the real one lands
