"""Serves exported models over HTTP; a client; publishing for TensorFlow Serving."""

from apps.common.portable.quiet import quieten_command

quieten_command()
