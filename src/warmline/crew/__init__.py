"""The crew: the agents at work, each question with an idle worker or in a fair queue, each worker looked after."""
