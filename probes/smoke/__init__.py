"""`sherpa-probe smoke`: runs access, models, events and bridge in parallel, as a check before a deploy."""
