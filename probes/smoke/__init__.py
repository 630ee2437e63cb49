"""`sherpa-probe smoke`: every probe that gates a deploy, side by side."""
