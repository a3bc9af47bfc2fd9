"""A CT series and a slide as pydicom has them, and segmentations of them by highdicom."""

from __future__ import annotations

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.codedict import codes

CT = "1.2.840.10008.5.1.4.1.1.2"
SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"


def uid(n):
    return f"1.2.826.0.1.{n}"


def source(kind, number, rows, columns):
    """What every source image says."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    data.SOPClassUID, data.SOPInstanceUID = kind, uid(100 + number)
    data.file_meta.MediaStorageSOPClassUID = kind
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.PatientName, data.PatientID, data.PatientBirthDate, data.PatientSex = "P^Q", "7", "", "O"
    data.StudyInstanceUID, data.SeriesInstanceUID = uid(1), uid(2)
    data.FrameOfReferenceUID = uid(3)
    data.StudyDate, data.StudyTime, data.StudyID = "20200101", "101010", "1"
    data.AccessionNumber, data.ReferringPhysicianName, data.Manufacturer = "A", "R", "M"
    data.SeriesNumber, data.InstanceNumber = 1, number + 1
    data.Rows, data.Columns = rows, columns
    data.PixelRepresentation = 0
    return data


def ct(n=5, rows=8, columns=10):
    """Planes 2.5 mm apart that are 4 mm thick."""
    found = []
    for i in range(n):
        data = source(CT, i, rows, columns)
        data.Modality, data.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
        data.ImagePositionPatient = [1.0, 2.0, 3.0 + 2.5 * i]
        data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        data.PixelSpacing, data.SliceThickness = [1.0, 0.8], 4.0
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated = data.BitsStored = 16
        data.HighBit, data.RescaleSlope, data.RescaleIntercept = 15, 1, 0
        data.PixelData = np.zeros((rows, columns), np.uint16).tobytes()
        found.append(data)
    return found


def slide(rows=20, columns=30, tile=8):
    """A slide that lies turned on its glass, with pixels that are no squares."""
    data = source(SLIDE, 0, tile, tile)
    data.Modality, data.ImageType = "SM", ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    data.ContainerIdentifier = "C"
    data.IssuerOfTheContainerIdentifierSequence, data.ContainerTypeCodeSequence = [], []
    data.SpecimenDescriptionSequence = []
    data.TotalPixelMatrixRows, data.TotalPixelMatrixColumns = rows, columns
    data.TotalPixelMatrixFocalPlanes = data.NumberOfOpticalPaths = 1
    data.NumberOfFrames = -(-rows // tile) * -(-columns // tile)
    data.SamplesPerPixel, data.PhotometricInterpretation = 3, "RGB"
    data.PlanarConfiguration, data.BitsAllocated, data.BitsStored, data.HighBit = 0, 8, 8, 7
    data.ImageOrientationSlide = [0, -1, 0, -1, 0, 0]
    origin = Dataset()
    origin.XOffsetInSlideCoordinateSystem, origin.YOffsetInSlideCoordinateSystem = 10, 20
    data.TotalPixelMatrixOriginSequence = [origin]
    data.DimensionOrganizationType = "TILED_FULL"
    data.ImagedVolumeWidth = data.ImagedVolumeHeight = data.ImagedVolumeDepth = 1
    measures, group, path, organization = Dataset(), Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [0.5, 0.25], 0.001
    group.PixelMeasuresSequence = [measures]
    data.SharedFunctionalGroupsSequence = [group]
    path.OpticalPathIdentifier = "1"
    data.OpticalPathSequence, data.VolumetricProperties = [path], "VOLUME"
    organization.DimensionOrganizationUID = uid(4)
    data.DimensionOrganizationSequence = [organization]
    data.PixelData = bytes(int(data.NumberOfFrames) * tile * tile * 3)
    return data


def segmentation(sources, pixels, kind, labels, **more):
    """By highdicom: `labels` is segment number → label."""
    import highdicom as hd

    described = [
        hd.seg.SegmentDescription(
            number, label, codes.SCT.Organ, codes.SCT.Liver, "AUTOMATIC",
            hd.AlgorithmIdentificationSequence("net", codes.cid7162.ArtificialIntelligence, "1.0"),
            tracking_uid=uid(50 + number), tracking_id=f"t{number}",
        )
        for number, label in labels.items()
    ]  # fmt: skip
    made = hd.seg.Segmentation(
        sources, pixels, kind, described, uid(7), 3, uid(8), 1, "Man", "Mod", "1.2", "SN1", **more
    )
    assert isinstance(made, pydicom.Dataset)
    return made
