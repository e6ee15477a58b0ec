"""Every task there is: each file here holds one, and is known as soon as it lies here."""

import pkgutil
from importlib import import_module

for _each in pkgutil.iter_modules(__path__):
    import_module(f"{__name__}.{_each.name}")
