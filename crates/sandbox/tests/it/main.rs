//! The sandbox seen by its clients: kube in process and over TCP, and kubectl.

mod support;

mod discovery;
