"""The sections of the report: a module each. `SECTIONS` registers them, in the order of the page."""

from aiida_polymorph.report.sections.basin_entropy import BasinEntropySection
from aiida_polymorph.report.sections.chemical_potentials import ChemicalPotentialsSection
from aiida_polymorph.report.sections.clustering import ClusteringSection
from aiida_polymorph.report.sections.coexistence import CoexistenceSection
from aiida_polymorph.report.sections.enthalpies import EnthalpiesSection
from aiida_polymorph.report.sections.gibbs_energies import GibbsEnergiesSection
from aiida_polymorph.report.sections.integrands import IntegrandsSection
from aiida_polymorph.report.sections.interface import Link, Picture, Section
from aiida_polymorph.report.sections.landscape import LandscapeSection
from aiida_polymorph.report.sections.nodes import NodesSection
from aiida_polymorph.report.sections.phase_diagram import PhaseDiagramSection
from aiida_polymorph.report.sections.phases import PhasesSection
from aiida_polymorph.report.sections.searches import SearchesSection
from aiida_polymorph.report.sections.settings import SettingsSection
from aiida_polymorph.report.sections.surrogate import SurrogateSection

SECTIONS: tuple[type[Section], ...] = (
    CoexistenceSection,
    PhaseDiagramSection,
    ChemicalPotentialsSection,
    GibbsEnergiesSection,
    IntegrandsSection,
    PhasesSection,
    SearchesSection,
    LandscapeSection,
    ClusteringSection,
    BasinEntropySection,
    SurrogateSection,
    EnthalpiesSection,
    SettingsSection,
    NodesSection,
)

__all__ = ["SECTIONS", "LandscapeSection", "Link", "Picture", "Section"]
