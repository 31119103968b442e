"""`python -m kanoa_mlops` is the same program as `kanoa-mlops`."""

from kanoa_mlops.cli.main import main

main()
