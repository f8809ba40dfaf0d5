"""The demonstration: real services, a real daemon and HAProxy under load, on one machine."""
