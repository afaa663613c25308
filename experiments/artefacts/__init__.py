"""The paper's tables and figures, one module each, and what goes further.

A module has `make`, from one trained model or several to an `Artefact`.
"""
