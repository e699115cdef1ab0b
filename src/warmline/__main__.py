"""`python -m warmline`."""

from warmline.interfaces.cli.main import main

raise SystemExit(main())
