"""The subcommands of `musae`, a module each.

The module's docstring is what `--help` says, its first line the summary.
`add_arguments(parser)` declares its arguments, `run(args)` returns a `Said`.
JAX, matplotlib and pretty_midi are imported where they are used, for `--help`
shall not wait for them.
"""
