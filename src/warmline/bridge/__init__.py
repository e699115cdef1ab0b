"""The bridge: the verbs that every interface speaks, and the rules on what may be said and by whom."""
