//! A Kubernetes API in this process, with controllers and scripted faults.
