// SPDX-License-Identifier: Apache-2.0
// Carrying out one journalled step, telling whether it happened, and taking it back.
#pragma once
#include "core/host/changes.hpp"
#include "core/host/journal.hpp"
#include "core/host/service_manager.hpp"

#include <string>

namespace plimsoll::host {

// What the steps work on.
struct Workshop {
    const Host& host;
    const Journal& journal;
    ServiceManager* services;
};

enum class Side {
    before,   // nothing of the step is there
    after,    // all of it
    between,  // some of its parts are there, others not
    neither,  // something else is there
};

// The record of a draft. The contents that it replaces are in it, up to `room` bytes, or durable as blobs.
[[nodiscard]] Result<Record> make_record(const Workshop& shop, const Draft& draft, std::size_t room);

// Bytes of contents in the record itself.
[[nodiscard]] std::size_t content_in(const Record& record);

// Makes the effects, in order; stops at the first error.
[[nodiscard]] Result<void> carry_out(const Workshop& shop, const Record& record, const Draft& draft);

[[nodiscard]] Result<Side> side_of(const Workshop& shop, const Record& record);

// Takes back what is there of the record; harmless where nothing is. The locks of account databases are held
// by the caller. Code::busy: somebody changed the target since.
[[nodiscard]] Result<void> bring_back(const Workshop& shop, const Record& record);

// A unit step's inverse. Separate, as units come after all files.
[[nodiscard]] Result<void> bring_back_unit(const Workshop& shop, const UnitStep& unit);

// Whether the unit is in the state already that the action brings about.
[[nodiscard]] bool is_already_so(const UnitStep& unit);

// Databases that the record edited.
[[nodiscard]] std::vector<std::string> databases_of(const Record& record);

}  // namespace plimsoll::host
