/** The gRPC services: they check a request, find the replica or the node that has it, and answer. */
@NullMarked
package io.holdfast.node.service;

import org.jspecify.annotations.NullMarked;
