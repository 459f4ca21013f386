"""An adapter for HMS-Sync in Python: it serves hms.adapter.v1, so a hub reaches it with ``runtime: remote``."""
import sys
from pathlib import Path

# Generated code imports its siblings by their whole path, as protoc writes it.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "generated"))

ID = "lab-python"
VERSION = "0.1.0"
