"""Five applications of one LSTM."""

from apps.common.portable.quiet import quieten_command

quieten_command()
